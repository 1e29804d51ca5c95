package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/ravn-ap/ravn/internal/bench"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// AS4-137, D-13: a large document goes from one process to the other with little memory. make interop sends 100 MiB;
// RAVN_LARGE names another size, such as 1GiB.
func TestInteropLargeDocument(t *testing.T) {
	size := os.Getenv("RAVN_LARGE")
	if size == "" {
		size = "100MiB"
		if os.Getenv(interop.Require) == "" {
			t.Skip("a large document: make interop sends it")
		}
	}
	out, code := ravn(t, nil, "bench", "--size", size, "--count", "1", "--workers", "1", "--json")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != 0 || res.Messages != 1 {
		t.Fatalf("exit %d, %v", code, err)
	}
	if res.PeakGrowth > 64 {
		t.Errorf("resident memory grew by %.1f MiB, want at most 64", res.PeakGrowth)
	}
}
