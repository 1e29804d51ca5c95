package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// failpoint makes the process kill itself at a crash point, for the tests of reliability.md §4: RAVN_FAILPOINT is the
// name of the point, with ":n" to let n-1 passes go. In a normal run it is not set and the hook is nil.
func failpoint() func(string) {
	name, nth, _ := strings.Cut(os.Getenv("RAVN_FAILPOINT"), ":")
	if name == "" {
		return nil
	}
	n, err := strconv.ParseInt(nth, 10, 64)
	if err != nil {
		n = 1
	}
	var passes atomic.Int64
	return func(point string) {
		if point == name && passes.Add(1) == n {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}
