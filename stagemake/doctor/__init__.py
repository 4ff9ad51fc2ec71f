"""What stagemake finds on this machine and in this project, and how to mend what is off. Changes nothing."""
