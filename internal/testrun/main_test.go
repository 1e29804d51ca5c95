package main

import (
	"strings"
	"testing"
)

// What a run did not try is named at its end, and what failed is printed whole (design.md §2).
func TestSummary(t *testing.T) {
	const events = `{"Action":"run","Package":"github.com/ravn-ap/ravn/a","Test":"TestGood"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/a","Test":"TestGood","Output":"    a_test.go:7: chatter\n"}
{"Action":"pass","Package":"github.com/ravn-ap/ravn/a","Test":"TestGood"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/a","Test":"TestPeer/big","Output":"    a_test.go:5: seed 7\n"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/a","Test":"TestPeer/big","Output":"    a_test.go:9: java is missing (make interop-build)\n"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/a","Test":"TestPeer/big","Output":"--- SKIP: TestPeer/big (0.00s)\n"}
{"Action":"skip","Package":"github.com/ravn-ap/ravn/a","Test":"TestPeer/big"}
{"Action":"pass","Package":"github.com/ravn-ap/ravn/a","Test":"TestPeer"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/a","Output":"PASS\n"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/a","Output":"ok  \tgithub.com/ravn-ap/ravn/a\t0.1s\n"}
{"Action":"pass","Package":"github.com/ravn-ap/ravn/a"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/b","Test":"TestBad","Output":"    b_test.go:3: got 1, want 2\n"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/b","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"github.com/ravn-ap/ravn/b","Test":"TestBad"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/b","Test":"TestHung","Output":"panic: test timed out\n"}
{"Action":"output","Package":"github.com/ravn-ap/ravn/b","Output":"FAIL\tgithub.com/ravn-ap/ravn/b\t0.1s\n"}
{"Action":"fail","Package":"github.com/ravn-ap/ravn/b"}
{"Action":"build-output","ImportPath":"github.com/ravn-ap/ravn/c","Output":"c/c.go:1:1: syntax error\n"}
`
	const want = "ok  \tgithub.com/ravn-ap/ravn/a\t0.1s\n" +
		"    b_test.go:3: got 1, want 2\n--- FAIL: TestBad (0.00s)\npanic: test timed out\n" +
		"FAIL\tgithub.com/ravn-ap/ravn/b\t0.1s\n" +
		"c/c.go:1:1: syntax error\n" +
		"skipped, because java is missing:\n    a TestPeer/big make interop-build\n" +
		"failed: b TestBad\n2 passed, 1 failed, 1 skipped\n"
	var out strings.Builder
	s := newSummary(&out)
	if err := s.readEvents(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	s.print()
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// The exit code and the counts are those of the run.
func TestRun(t *testing.T) {
	var out strings.Builder
	code, err := run([]string{"-run", "TestSummary", "./no/such/package"}, "", &out)
	if err != nil || code == 0 {
		t.Errorf("a package that is not there: exit %d, %v\n%s", code, err, out.String())
	}
}
