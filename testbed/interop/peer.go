// Package interop drives the Java peer in this folder from tests: phase4 as the other access point, Santuario and the
// JDK as a second opinion.
package interop

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// Require is the environment variable that turns a missing peer into a failure.
const Require = "RAVN_REQUIRE_INTEROP"

// Peer is a running JVM. Commands run one after the other.
type Peer struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
	n   int
	Pid int
}

// Fields are the fields of a command or an answer.
type Fields = map[string]any

// Start starts the peer, or skips the test if it was not built. It ends with the test.
func Start(t testing.TB) *Peer {
	t.Helper()
	return Launch(t, "interop", ClassPath, "no.ravn.interop.Peer", "-Xmx3g")
}

// ClassPath is where the build of a folder of testbed puts its classes and what they need.
const ClassPath = "target/classes:target/lib/*"

// Launch starts a program that takes commands as the peer does, from a folder of testbed.
func Launch(t testing.TB, folder, classPath, class string, options ...string) *Peer {
	t.Helper()
	dir := filepath.Join(golden.Root(t), "testbed", folder)
	java, err := exec.LookPath("java")
	if _, serr := os.Stat(filepath.Join(dir, "target", "lib")); err != nil || serr != nil {
		golden.Missing(t, Require, "the Java peers are not there, make interop-build makes them", "testbed/"+folder)
	}
	cmd := exec.Command(java, append(options, "-cp", classPath, class)...)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("RAVN_INTEROP_LOG") != "" {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Peer{in: in, out: bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	ready := p.readAnswer(t)
	pid, _ := ready["pid"].(float64)
	p.Pid = int(pid)
	return p
}

// Call runs a command and returns its answer, which must be ok.
func (p *Peer) Call(t testing.TB, cmd string, f Fields) Fields {
	t.Helper()
	ans := p.Try(t, cmd, f)
	if ans["ok"] != true {
		t.Fatalf("peer: %s: %v", cmd, ans)
	}
	return ans
}

// Try runs a command and returns its answer, ok or not.
func (p *Peer) Try(t testing.TB, cmd string, f Fields) Fields {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	line := Fields{"id": p.n, "cmd": cmd}
	for k, v := range f {
		line[k] = v
	}
	b, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		t.Fatalf("peer: %s: %v", cmd, err)
	}
	return p.readAnswer(t)
}

func (p *Peer) readAnswer(t testing.TB) Fields {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("peer: no answer: %v", err)
	}
	var f Fields
	if err := json.Unmarshal(line, &f); err != nil {
		t.Fatalf("peer: %v in %.200s", err, line)
	}
	return f
}
