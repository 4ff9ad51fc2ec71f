-- Says which Lua this is, and draws a set with its numbers.

print("hello from " .. _VERSION .. ", " .. string.packsize("j") * 8 .. "-bit integers")

local shades = " .:-=+*#%"

-- How many steps it takes to leave the circle of radius 2; limit if it takes more.
local function escape(re, im, limit)
  local x, y = 0.0, 0.0
  for step = 1, limit do
    x, y = x * x - y * y + re, 2 * x * y + im
    if x * x + y * y > 4 then return step end
  end
  return limit
end

for row = -8, 7 do
  local line = {}
  for column = -46, 22 do
    local steps = escape(column / 23, (row + 0.5) / 7, 500)
    local shade = math.min(#shades, 1 + math.floor(1.6 * math.log(steps, 2)))
    line[#line + 1] = steps == 500 and "@" or shades:sub(shade, shade)
  end
  print((table.concat(line):gsub(" +$", "")))
end
