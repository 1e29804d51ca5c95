package sqlite

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// bootID is where Linux names the start of the host; a container sees that of its host.
const bootID = "/proc/sys/kernel/random/boot_id"

// bootClock returns the clock of leases (REL-066): all processes of the host share it, steps of the wall clock do not
// move it, and it goes on while the machine is suspended.
func bootClock() (func() (name string, micros int64), error) {
	id, err := os.ReadFile(bootID)
	if err != nil {
		return nil, fmt.Errorf("sqlite: the host does not say when it was started, so that leases cannot end: %w", err)
	}
	name := strings.TrimSpace(string(id))
	if _, err := sinceBoot(); err != nil {
		return nil, fmt.Errorf("sqlite: the host has no clock since its start: %w", err)
	}
	return func() (string, int64) {
		t, _ := sinceBoot() // it has answered once
		return name, t
	}, nil
}

func sinceBoot() (micros int64, err error) {
	var t unix.Timespec
	err = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return t.Nano() / 1000, err
}
