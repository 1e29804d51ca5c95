package main

import (
	"os"
	"strings"
	"sync"
	"syscall"
)

// failpoint makes the process kill itself at a crash point, for the tests of reliability.md §4. RAVN_FAILPOINT names
// the point, or several joined by ">" that must be passed in this order, of which the last one kills. In a normal run
// it is not set and the hook is nil.
func failpoint() func(string) {
	text := os.Getenv("RAVN_FAILPOINT")
	if text == "" {
		return nil
	}
	var mu sync.Mutex
	left := strings.Split(text, ">")
	return func(point string) {
		mu.Lock()
		defer mu.Unlock()
		if len(left) == 0 || point != left[0] {
			return
		}
		if left = left[1:]; len(left) == 0 {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}
