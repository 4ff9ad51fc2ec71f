import { lines } from "./lines.js";

const response = await fetch("words.json");
const list = document.querySelector("ul");
for (const line of lines(await response.json())) {
  const item = document.createElement("li");
  item.textContent = line;
  list?.append(item);
}
