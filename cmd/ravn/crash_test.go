package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/testbed"
)

// TestMain lets the test binary be the program: the tests here run and kill real processes, and scripts call it by its
// name.
func TestMain(m *testing.M) {
	if os.Getenv("RAVN_TEST_MAIN") == "1" {
		os.Exit(program())
	}
	testscript.Main(m, map[string]func(){"ravn": main})
}

// ravn runs the program to its end and returns its output and exit code.
func ravn(t *testing.T, env []string, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := command(env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("ravn %s: exit %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), errs.String())
	return out.String(), cmd.ProcessState.ExitCode()
}

func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), "RAVN_TEST_MAIN=1"), env...)
	return cmd
}

// server is a running ravn serve.
type server struct {
	cmd  *exec.Cmd
	url  string
	log  bytes.Buffer // after it was ready; whole after kill
	done chan struct{}
}

// serveProcess starts ravn serve and waits until it is ready.
func serveProcess(t *testing.T, config string, env ...string) *server {
	t.Helper()
	s := &server{
		cmd:  command(append([]string{"RAVN_AS4_LISTEN=127.0.0.1:0"}, env...), "serve", "--config", config),
		done: make(chan struct{}),
	}
	r, w := io.Pipe()
	s.cmd.Stderr = w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { _ = s.cmd.Wait(); _ = w.Close(); <-read; close(s.done) }()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line struct{ Message, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "ready" {
			s.url = line.URL
			break
		}
		t.Log(lines.Text())
	}
	go func() { _, _ = io.Copy(&s.log, r); close(read) }()
	if s.url == "" {
		t.Fatal("ravn serve did not get ready")
	}
	t.Cleanup(s.kill)
	return s
}

// kill is kill -9.
func (s *server) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.done
}

// twoNodes makes the configurations of a sender and a receiver that serves the demo's invoice.
func twoNodes(t *testing.T) (from, to, cert, invoice string) {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := p.Save(filepath.Join(dir, "pki")); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, seat := range []string{"POP900001", "POP900002"} {
		w, err := setup.Write(setup.Node{
			Dir: filepath.Join(dir, seat), Environment: certs.Local, Listen: "127.0.0.1:0",
			Seat: seat, PKI: filepath.Join(dir, "pki"), Country: "NO",
		})
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, w.Config)
	}
	if err := serveDemo(t.Context(), files[1]); err != nil {
		t.Fatal(err)
	}
	invoice = filepath.Join(dir, "invoice.xml")
	if err := os.WriteFile(invoice, testbed.Invoice, 0o600); err != nil {
		t.Fatal(err)
	}
	return files[0], files[1], filepath.Join(dir, "POP900002", "cert.pem"), invoice
}

// openStore opens the record of a node, whose server may run.
func openStore(t *testing.T, file string) *store.Store {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := node.OpenStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// delivered waits until there are want folders, and until the record has no delivery that is still to come: more of
// them would be there by then. It returns their names.
func delivered(t *testing.T, config string, want int) []string {
	t.Helper()
	s, inbox := openStore(t, config), filepath.Join(filepath.Dir(config), "inbox")
	for deadline := time.Now().Add(100 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		open, err := s.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Deliver})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(inbox)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
		if len(names) >= want && len(open) == 0 {
			return names
		}
		if time.Now().After(deadline) {
			t.Fatalf("delivered %q, to come %+v", names, open)
		}
	}
}

// Each crash point of reliability.md §4: the receiver is killed there while a message arrives, started again, and the
// sender repeats. Exactly one document is delivered, and the sender ends with a verified receipt.
func TestCrashPointsOfReceiver(t *testing.T) {
	for _, tc := range []struct{ id, point string }{
		{"CP-R1", "receive.byte"},
		{"CP-R2", "receive.soap"},
		{"CP-R3", "receive.payload"},
		{"CP-R4", "receive.accept>blob.written"},
		{"CP-R5", "receive.accept>blob.synced"},
		{"CP-R6", "receive.accept>blob.renamed"},
		{"CP-R7", "receive.accept>blob.dirsynced"},
		{"CP-R8", "receive.accept>db.before_commit"},
		{"CP-R9", "receive.accept>db.committed"},
		{"CP-R10", "answer.half"},
		{"CP-R11", "receive.end"},
		{"CP-R12", "deliver.claimed"},
		{"CP-R13", "deliver.done"},
		{"CP-R14", "deliver.done>db.before_commit"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			from, to, cert, invoice := twoNodes(t)
			if strings.Contains(tc.point, "blob.") { // a payload that the record does not keep itself
				large := bytes.Replace(testbed.Invoice, []byte("<cbc:ID>DEMO-1"),
					[]byte("<!-- "+strings.Repeat("large ", 20_000)+"--><cbc:ID>DEMO-1"), 1)
				if err := os.WriteFile(invoice, large, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := serveProcess(t, to, "RAVN_FAILPOINT="+tc.point, "RAVN_DELIVER_LEASE=2s")
			out, code := ravn(t, nil, "--config", from, "--json", "send", "--from", testbed.Sender, "--to",
				testbed.Receiver, "--endpoint", s.url, "--endpoint-cert", cert, invoice)
			var first struct{ ID, MessageID string }
			if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &first); err != nil || first.ID == "" {
				t.Fatalf("no id before the network was touched: %q", out)
			}
			select {
			case <-s.done:
			case <-time.After(10 * time.Second):
				t.Fatalf("the receiver passed %s without dying", tc.point)
			}
			s = serveProcess(t, to)
			if code != 0 {
				if fault.Exit(code) != fault.Unsure {
					t.Fatalf("the sender ended with %d", code)
				}
				if _, code := ravn(t, nil, "--config", from, "send", "--resume", first.ID, "--endpoint", s.url,
					"--endpoint-cert", cert); code != 0 {
					t.Fatalf("the repeat ended with %d", code)
				}
			}
			got := delivered(t, to, 1)
			if len(got) != 1 {
				t.Fatalf("delivered: %v", got)
			}
			isWhole(t, filepath.Join(filepath.Dir(to), "inbox", got[0]), messageOf(t, from, first.ID))
		})
	}
}

// messageOf returns what a node has on record of a message.
func messageOf(t *testing.T, file, id string) store.Message {
	t.Helper()
	m, err := openStore(t, file).Get(t.Context(), db.DefaultTenant, id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// isWhole compares a delivered folder with the message that was sent: every byte of the document, and what is said of
// it.
func isWhole(t *testing.T, dir string, sent store.Message) {
	t.Helper()
	if sent.State != store.Sent {
		t.Errorf("the sender has it as %s", sent.State)
	}
	doc, err := os.ReadFile(filepath.Join(dir, "document.xml"))
	if err != nil || sha256.Sum256(doc) != sent.Payload.SHA256 {
		t.Errorf("another document than was sent: %d bytes, %v", len(doc), err)
	}
	var meta struct {
		MessageID  string `json:"message_id"`
		InstanceID string `json:"instance_id"`
		Receiver   string `json:"receiver"`
		SHA256     string `json:"sha256"`
		Length     int64  `json:"length"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "metadata.json"))
	if err == nil {
		err = json.Unmarshal(text, &meta)
	}
	if err != nil || meta.MessageID != sent.MessageID || meta.InstanceID != sent.InstanceID ||
		!strings.HasSuffix(meta.Receiver, sent.Receiver) ||
		meta.SHA256 != hex.EncodeToString(sent.Payload.SHA256[:]) || meta.Length != sent.Payload.Length {
		t.Errorf("metadata %s, %v", text, err)
	}
}
