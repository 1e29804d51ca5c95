package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// The exit codes of each command stand in its help, once.
func TestExitCodesStandInEachHelp(t *testing.T) {
	codes := regexp.MustCompile(`(?s)Exit codes: 0 .*[23]`)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		if !cmd.Runnable() || cmd.Name() == "help" {
			return
		}
		out, errs, code := call(t, append(path, "--help")...)
		if code != 0 || strings.Count(out, "Exit codes:") != 1 || !codes.MatchString(out) {
			t.Errorf("%s --help: exit %d, %d times exit codes\n%s", cmd.CommandPath(), code,
				strings.Count(out, "Exit codes:"), errs)
		}
	}
	root := (&cli{}).root()
	walk(root)
	for path := range exitCodes {
		if cmd, _, err := root.Find(strings.Fields(path)); err != nil || cmd.CommandPath() != "ravn "+path {
			t.Errorf("exit codes of %q, which is no command", path)
		}
	}
}

// The help of send fits into 120 columns: it is read in a terminal.
func TestSendHelpFits(t *testing.T) {
	out, _, _ := call(t, "send", "--help")
	text, _, _ := strings.Cut(out, "Usage:")
	if !strings.Contains(text, "Exit codes:") {
		t.Fatalf("no exit codes in %q", text)
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 120 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
