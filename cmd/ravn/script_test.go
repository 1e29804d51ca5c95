package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/testbed"
)

// TestScripts runs the dialogues of testdata/script: what somebody types, and what the program answers. Each begins in
// a folder of its own with the demo's invoice and the private CAs of the tests.
func TestScripts(t *testing.T) {
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "crlf": crlf, "setid": setID},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SENDER", testbed.Sender)
			env.Setenv("RECEIVER", testbed.Receiver)
			env.Setenv("DOCTYPE", testbed.DocType)
			env.Setenv("PROCESS", testbed.Process)
			invoice := filepath.Join(env.WorkDir, "invoice.xml")
			return errors.Join(p.Save(filepath.Join(env.WorkDir, "pki")), os.WriteFile(invoice, testbed.Invoice, 0o600))
		},
	})
}

// exits runs a command that must end with an exit code: "exits 2 ravn nonsense".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ...")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit %d, want %s", code, args[0])
	}
}

// crlf rewrites a file as an editor of Windows would: with a byte order mark and CR LF.
func crlf(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := "\ufeff" + strings.ReplaceAll(ts.ReadFile(name), "\n", "\r\n")
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// setID sets ID to the first id in a file: "setid stdout".
func setID(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("ID", regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).FindString(ts.ReadFile(args[0])))
}
