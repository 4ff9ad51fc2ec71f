"""What a stage's result depends on: functions, programs, files listed in depfiles, and the keys over them."""
