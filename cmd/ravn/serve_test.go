package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
)

// logFile is the standard error of a process, read while it grows.
type logFile struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// find returns the first line with a message, waiting for it.
func (l *logFile) find(t *testing.T, message string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		text := l.buf.String()
		l.mu.Unlock()
		for line := range strings.Lines(text) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["message"] == message {
				return fields
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no line %q in\n%s", message, text)
		}
	}
}

// Start and stop are logged with what runs and why it ends; SIGHUP reloads and ends nothing.
func TestServeTellsOfStartAndStop(t *testing.T) {
	for sig, reason := range map[syscall.Signal]string{syscall.SIGTERM: "terminated", syscall.SIGINT: "interrupt"} {
		_, to, _, _ := twoNodes(t)
		log := &logFile{}
		cmd := command([]string{"RAVN_AS4_LISTEN=127.0.0.1:0"}, "serve", "--config", to)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() }) // ended already, unless the test failed
		if l := log.find(t, "starting"); l["environment"] != "local" || l["version"] == "" ||
			l["listen"] != "127.0.0.1:0" || l["config"] != to {
			t.Errorf("%v", l)
		}
		if l := log.find(t, "ready"); fmt.Sprint(l["seats"]) != "[POP900002]" ||
			!strings.HasPrefix(fmt.Sprint(l["listen"]), "127.0.0.1:") {
			t.Errorf("%v", l)
		}
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if l := log.find(t, "the configuration was reloaded"); fmt.Sprint(l["seats"]) != "[POP900002]" ||
			l["level"] != "info" || l["config"] != to {
			t.Errorf("%v", l)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v ended it with %v", sig, err)
		}
		if l := log.find(t, "stopping"); !strings.Contains(fmt.Sprint(l["reason"]), reason) {
			t.Errorf("%v", l)
		}
		log.find(t, "stopped")
	}
}

// A start that fails is one line of the log, with its code.
func TestServeTellsWhyItDoesNotStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it was only there
	_, to, _, _ := twoNodes(t)
	var errs bytes.Buffer
	cmd := command([]string{"RAVN_AS4_LISTEN=" + l.Addr().String()}, "serve", "--config", to)
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil || fault.Exit(cmd.ProcessState.ExitCode()) != fault.Usage {
		t.Errorf("%v", err)
	}
	if text := errs.String(); strings.Count(text, string(fault.ListenFailed)) != 1 ||
		!strings.Contains(text, `"message":"stopped"`) ||
		strings.Count(text, "\n") != strings.Count(text, `"message"`) {
		t.Errorf("log:\n%s", text)
	}
}

// OPS-140: a server says at its start what the proxy decides from then on, without its credentials.
func TestOPS140ServeTellsOfTheProxy(t *testing.T) {
	_, to, _, _ := twoNodes(t)
	log := &logFile{}
	cmd := command([]string{"RAVN_AS4_LISTEN=127.0.0.1:0", "RAVN_NETWORK_PROXY=http://ravn:geheim@127.0.0.1:3128"},
		"serve", "--config", to)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log.find(t, "ready")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	text := log.buf.String()
	if want := "network.proxy (RAVN_NETWORK_PROXY): connections to SMPs and access points are made by " +
		"http://127.0.0.1:3128. "; strings.Count(text, want) != 1 {
		t.Errorf("not %q once in\n%s", want, text)
	}
	if strings.Contains(text, "geheim") || strings.Contains(text, "ravn:") {
		t.Errorf("credentials in\n%s", text)
	}
}

// OPS-122: a wrong configuration is refused by the command and by the server, which goes on with the one it has; a
// right one is in force when the command ends, and what needs a restart is named.
func TestOPS122ConfigReload(t *testing.T) {
	_, to, _, _ := twoNodes(t)
	if out, code := ravn(t, nil, "config", "reload", "--config", to); code != int(fault.Usage) {
		t.Errorf("without a server: %d %s", code, out)
	}
	log := &logFile{}
	cmd := command([]string{"RAVN_AS4_LISTEN=127.0.0.1:0"}, "serve", "--config", to)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	log.find(t, "ready")
	right, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(string(right), "as4:\n", "as4:\n  in_flight: 0\n", 1))
	if out, code := ravn(t, nil, "config", "reload", "--config", to); code != int(fault.Usage) {
		t.Errorf("a wrong configuration: %d %s", code, out)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	l := log.find(t, "the changed configuration is wrong: the server goes on with the one it has")
	if l["code"] != string(fault.ConfigKept) || !strings.Contains(fmt.Sprint(l["error"]), "as4.in_flight (line ") {
		t.Errorf("%v", l)
	}
	write(strings.Replace(string(right), "data: data\n", "data: data\nlog:\n  level: debug\n", 1))
	out, code := ravn(t, nil, "config", "reload", "--config", to, "--json")
	if code != 0 || !strings.Contains(out, fmt.Sprintf(`"process":%d,`, cmd.Process.Pid)) {
		t.Errorf("a right configuration: %d %s", code, out)
	}
	write(strings.Replace(string(right), "data: data\n", "data: data\ndatabase: postgres://ravn@127.0.0.1/ravn\n", 1))
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if l := log.find(t, "it has changed and needs a restart: until then the old value stays"); l["key"] != "database" {
		t.Errorf("%v", l)
	}
}
