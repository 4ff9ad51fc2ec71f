"""GNU make's jobserver: how programs that start others share the processors of one machine."""
