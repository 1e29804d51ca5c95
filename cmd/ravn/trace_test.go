package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed"
)

// The order of durable acceptance (REL-001) is seen from outside: strace tells what the program asks of the kernel.

// traced is a command under strace.
func traced(t *testing.T, log string, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "a tool of this machine is missing", "strace")
	}
	const calls = "openat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdirat"
	args := append([]string{path, "-f", "-y", "-s", "64", "-e", "trace=" + calls, "-o", log, cmd.Path}, cmd.Args[1:]...)
	return &exec.Cmd{Path: path, Args: args, Env: cmd.Env, Stdout: cmd.Stdout, Stderr: cmd.Stderr}
}

// syscallLog is what a trace says happened, in order. A call that took a while counts twice: when it began and when it
// ended.
type syscallLog []string

var (
	unfinished = regexp.MustCompile(`^(\d+) +(.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	whole      = regexp.MustCompile(`^(\d+) +(\w+\(.*)$`)
)

func readTrace(t *testing.T, file string) (calls syscallLog) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pending := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if m := unfinished.FindStringSubmatch(line); m != nil {
			pending[m[1]] = m[2]
			calls = append(calls, "begin "+m[2])
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			calls = append(calls, "end "+pending[m[1]]+m[3])
		} else if m := whole.FindStringSubmatch(line); m != nil {
			calls = append(calls, "begin "+m[2], "end "+m[2])
		}
	}
	if len(calls) == 0 {
		t.Fatalf("strace wrote nothing that is understood:\n%s", b)
	}
	return calls
}

// from returns the calls behind the first one that matches a pattern.
func (l syscallLog) from(t *testing.T, pattern string) syscallLog {
	t.Helper()
	i := slices.IndexFunc(l, regexp.MustCompile(pattern).MatchString)
	if i < 0 {
		t.Fatalf("there is no %s. The trace:\n%s", pattern, l)
	}
	return l[i+1:]
}

// order checks that calls come in the order of patterns, each after the one before, and returns where the last one is.
func (l syscallLog) order(t *testing.T, what string, patterns ...string) {
	t.Helper()
	at := 0
	for _, p := range patterns {
		re := regexp.MustCompile(p)
		i := slices.IndexFunc(l[at:], re.MatchString)
		if i < 0 {
			t.Fatalf("%s: there is no %s after the calls before it. The trace:\n%s", what, p, l)
		}
		at += i + 1
	}
}

// String shows which calls were made on which files, each run of equal ones once.
func (l syscallLog) String() string {
	var b strings.Builder
	last := ""
	for _, c := range l {
		name, args, _ := strings.Cut(strings.TrimPrefix(c, "end "), "(")
		if strings.HasPrefix(name, "begin ") && !strings.Contains(args, "HTTP/1.1") {
			continue
		}
		line := name + " " + strings.Join(tracedFile.FindAllString(args, 2), " ")
		if line != last {
			fmt.Fprintln(&b, line)
		}
		last = line
	}
	return b.String()
}

var tracedFile = regexp.MustCompile(`(<[^>]*>|"[^"]*/[^"]*")`)

// ends matches a call that came to a good end.
func ends(call string) string { return `^end ` + call + `.* = \d+(<.*>)?$` }

// A message with a payload of its own file: payload, its name and the record are on disk before the first byte of the
// receipt leaves; the delivered document, its metadata and both folders before the delivery is recorded as done.
func TestREL001OrderSeenByTheKernel(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	large := bytes.Replace(testbed.Invoice, []byte("<cbc:ID>DEMO-1"),
		[]byte("<!-- "+strings.Repeat("large ", 20_000)+"--><cbc:ID>DEMO-1"), 1)
	if err := os.WriteFile(invoice, large, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "receiver")
	cmd := traced(t, log, command([]string{"RAVN_AS4_LISTEN=127.0.0.1:0"}, "serve", "--config", to))
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); _ = cmd.Wait() }
	t.Cleanup(stop)
	url := ready(t, bufio.NewScanner(errs))
	sender := filepath.Join(dir, "sender")
	send := traced(t, sender, command(nil, "--config", from, "send", "--from", testbed.Sender, "--to", testbed.Receiver,
		"--endpoint", url, "--endpoint-cert", cert, invoice))
	if out, err := send.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	delivered(t, to, 1)
	stop()

	const (
		walWrite = `pwrite64\(\d+<[^>]*ravn\.db-wal>`
		walSync  = `f(data)?sync\(\d+<[^>]*ravn\.db-wal>`
		named    = `renameat2?\(\d+<[^>]*inbox>, "\.ravn-[^/"]*", \d+<[^>]*inbox>, "[0-9a-f-]{36}"` // within the folder
	)
	got := readTrace(t, log)
	got.order(t, "acceptance",
		ends(`write\(\d+<[^>]*data/blobs/[^>]*tmp>`), ends(`fsync\(\d+<[^>]*data/blobs/[^>]*tmp>`), // the payload
		// its name
		ends(`linkat\(.*data/blobs/[^"]*tmp".*data/blobs/[0-9a-f]{2}/`),
		ends(`fsync\(\d+<[^>]*data/blobs/[0-9a-f]{2}>`),
		ends(walWrite), ends(walSync), // the record
		`^begin write\(\d+<(socket|TCP)[^>]*>, "HTTP/1\.1 200`) // the receipt
	got.order(t, "delivery",
		ends(`write\(\d+<[^>]*inbox/\.ravn-[^/]*/document\.xml>`),
		ends(`fsync\(\d+<[^>]*inbox/\.ravn-[^/]*/document\.xml>`),
		ends(named), ends(`fsync\(\d+<[^>]*inbox>`),
		ends(walWrite), ends(walSync))
	got.order(t, "metadata of the delivery",
		ends(`write\(\d+<[^>]*inbox/\.ravn-[^/]*/metadata\.json>`),
		ends(`fsync\(\d+<[^>]*inbox/\.ravn-[^/]*/metadata\.json>`),
		ends(`fsync\(\d+<[^>]*inbox/\.ravn-[^/>]*>`), // the new folder, with both names
		ends(named))
	readTrace(t, sender).order(t, "REL-022 the attempt before the network",
		ends(`fsync\(\d+<[^>]*data/blobs/[0-9a-f]{2}>`), ends(walWrite), ends(walSync), // taken over
		ends(walWrite), ends(walSync), // sealed, attempt 1
		`^begin write\(\d+<(socket|TCP)[^>]*>, "POST `, ends(walWrite), ends(walSync)) // the outcome
}

// ready waits for the line of serve that says where it listens.
func ready(t *testing.T, lines *bufio.Scanner) (url string) {
	t.Helper()
	re := regexp.MustCompile(`"url":"([^"]*)".*"message":"ready"`)
	for lines.Scan() {
		if m := re.FindStringSubmatch(lines.Text()); m != nil {
			go func() {
				for lines.Scan() { // nobody reads the rest, and it must not block
				}
			}()
			return m[1]
		}
	}
	t.Fatal("ravn serve did not get ready")
	return ""
}

// The names of a new database and of the identity of its folder are durable before the first command that made them
// ends.
func TestREL001NewDatabaseSeenByTheKernel(t *testing.T) {
	cfg := quickNode(t)
	log := filepath.Join(t.TempDir(), "trace")
	if out, _ := traced(t, log, command(nil, "--config", cfg, "send", "--resume",
		"nothing")).CombinedOutput(); !strings.Contains(string(out), "RAVN-2301") {
		t.Fatalf("%s", out)
	}
	got := readTrace(t, log)
	// Before SQLite writes anything; what it syncs for reasons of its own is not relied on.
	made := got.from(t, ends(`openat\(.*data/ravn\.db", .*O_CREAT\|O_EXCL`))
	used := len(made) - len(made.from(t, `^begin pwrite64\(\d+<[^>]*ravn\.db`))
	made[:used].order(t, "database", ends(`fsync\(\d+<[^>]*/data>`))
	got.order(t, "identity", ends(`write\(\d+<[^>]*data/\.ravn-identity[^>]*>`),
		ends(`fsync\(\d+<[^>]*data/\.ravn-identity[^>]*>`),
		ends(`renameat2?\(.*data/identity\.json"`), ends(`fsync\(\d+<[^>]*/data>`))
}
