package golden

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Random returns a source of random cases, from the seed RAVN_DIFFERENTIAL_SEED when it is set. It logs the seed.
func Random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("RAVN_DIFFERENTIAL_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("RAVN_DIFFERENTIAL_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("RAVN_DIFFERENTIAL_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// Cases returns how many random cases are asked for: RAVN_DIFFERENTIAL_CASES, or a few.
func Cases(t testing.TB) int {
	t.Helper()
	s := os.Getenv("RAVN_DIFFERENTIAL_CASES")
	if s == "" {
		return 300
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("RAVN_DIFFERENTIAL_CASES: %v", err)
	}
	return n
}
