package main

import (
	"os"
	"strconv"
	"strings"
)

func readStat(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	s := string(b)
	if i := strings.LastIndexByte(s, ')'); i >= 0 { // /proc/PID/stat: skip the name
		s = s[i+1:]
	} else if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	return strings.Fields(s)
}

func jiffies(fields []string, columns ...int) float64 {
	t := 0.0
	for _, i := range columns {
		if i < len(fields) {
			v, _ := strconv.ParseFloat(fields[i], 64)
			t += v / 100
		}
	}
	return t
}

// cpuBusy: user, nice, system, irq, softirq and steal seconds of the machine.
func cpuBusy() float64 { return jiffies(readStat("/proc/stat"), 1, 2, 3, 6, 7, 8) }

// cpuOwn: CPU seconds of this process and of the listed ones.
func cpuOwn(pids []int) float64 {
	t := jiffies(readStat("/proc/self/stat"), 11, 12)
	for _, p := range pids {
		t += jiffies(readStat("/proc/"+strconv.Itoa(p)+"/stat"), 11, 12)
	}
	return t
}
