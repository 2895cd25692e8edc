// The Go side of the benchmarks: the usual extender in Go as a baseline, and a
// client that calls extenders as kube-scheduler does.
package main

import (
	"fmt"
	"os"
	"strconv"
)

// ballast stands for the live heap that a real scheduler or extender has (its
// informer caches), so that the collector runs as rarely as it does there.
var ballast []byte

func main() {
	mb, _ := strconv.Atoi(os.Getenv("BALLAST_MB"))
	ballast = make([]byte, mb<<20)
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: bench server [options] | bench client < job.json")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "server":
		serverMain(os.Args[2:])
	case "client":
		clientMain()
	default:
		fmt.Fprintln(os.Stderr, "usage: bench server [options] | bench client < job.json")
		os.Exit(2)
	}
}
