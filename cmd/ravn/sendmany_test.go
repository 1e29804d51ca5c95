package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/testbed"
)

// invoices writes n different invoices into a new folder.
func invoices(t *testing.T, n int) (dir string, numbers []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		number := fmt.Sprintf("BATCH-%05d", i)
		text := bytes.Replace(testbed.Invoice, []byte(">DEMO-1<"), []byte(">"+number+"<"), 1)
		if err := os.WriteFile(filepath.Join(dir, number+".xml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, number)
	}
	return dir, numbers
}

// arrived returns how often each document came in, by its number.
func arrived(t *testing.T, config string) map[string]int {
	t.Helper()
	got := map[string]int{}
	f := store.Filter{Direction: store.In, Limit: 10_000}
	page, err := openStore(t, config).List(t.Context(), db.DefaultTenant, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Found {
		got[m.DocumentNumber]++
	}
	return got
}

// onceEach checks that each document came in exactly once.
func onceEach(t *testing.T, config string, numbers []string) {
	t.Helper()
	got := arrived(t, config)
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, numbers) {
		t.Errorf("arrived %q, want %q", names, numbers)
	}
	for number, n := range got {
		if n != 1 {
			t.Errorf("%s arrived %d times", number, n)
		}
	}
}

// results reads the lines of ravn --json send.
func results(t *testing.T, out string) (list []sendResult, sum sendSummary) {
	t.Helper()
	for line := range strings.Lines(out) {
		var r sendResult
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.File == "" {
			if err := json.Unmarshal([]byte(line), &sum); err != nil {
				t.Fatal(err)
			}
			continue
		}
		list = append(list, r)
	}
	return list, sum
}

// REL-020. A batch that was killed is simply run again: every document arrives, and none twice. What is sent to whom is
// read from the documents.
func TestREL020AKilledBatchIsRunAgain(t *testing.T) {
	from, to, cert, _ := twoNodes(t)
	s := serveProcess(t, to)
	dir, numbers := invoices(t, 60)
	args := []string{
		"--json", "--config", from, "send", "--endpoint", s.url, "--endpoint-cert", cert, dir,
	}
	cmd := command(nil, args...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for range 10 {
		lines.Scan()
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if n := len(arrived(t, to)); n < 1 || n >= len(numbers) {
		t.Logf("%d documents had arrived when the batch was killed", n) // on a very fast or slow machine
	}

	out, code := ravn(t, nil, args...)
	list, sum := results(t, out)
	if code != 0 || len(list) != len(numbers) || sum.Documents != len(numbers) ||
		sum.Results[resultSent]+sum.Results[resultAlready] != len(numbers) || sum.Results[resultAlready] < 10 {
		t.Fatalf("exit %d: %+v\n%s", code, sum, out)
	}
	for _, r := range list {
		if !r.OK || r.Sender != testbed.Sender || r.Receiver != testbed.Receiver || r.DocType != testbed.DocType ||
			r.Country != "NO" || r.State != store.Sent {
			t.Errorf("%+v", r)
		}
	}
	onceEach(t, to, numbers)

	out, code = ravn(t, nil, args...)
	if _, sum = results(t, out); code != 0 || sum.Results[resultAlready] != len(numbers) {
		t.Errorf("a third time: exit %d: %+v", code, sum)
	}
	onceEach(t, to, numbers)
}

// One bad document of a batch never stops the rest, and each has its line.
func TestSendBatchLines(t *testing.T) {
	from, to, cert, _ := twoNodes(t)
	s := serveProcess(t, to)
	dir, numbers := invoices(t, 3)
	file := func(i int) string { return filepath.Join(dir, numbers[i]+".xml") }
	broken := filepath.Join(dir, "broken.xml")
	if err := os.WriteFile(broken, []byte("<Invoice"), 0o600); err != nil {
		t.Fatal(err)
	}
	quote := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	in := strings.Join([]string{
		`{"file":` + quote(file(0)) + `,"key":"erp-1"}`,
		`{"file":` + quote(filepath.Join(dir, "nowhere.xml")) + `}`,
		`{"file":` + quote(broken) + `}`,
		`no JSON`,
		``,
		`{"file":` + quote(file(1)) + `,"colour":"red"}`,
		`{"file":` + quote(file(1)) + `,"tenant":"acme"}`,
		`{"file":"` + strings.Repeat("x", maxBatchLine) + `"}`,
		`{"file":` + quote(file(1)) + `,"to":"0192:991825827","from":"0192:810418052"}`,
		`{"file":` + quote(file(2)) + `}`,
		`{"file":` + quote(file(1)) + `,"key":"a b"}`,
	}, "\n")
	run := func(in string) (string, int) {
		cmd := command(nil, "--json", "--config", from, "send", "--batch", "--endpoint", s.url, "--endpoint-cert", cert)
		cmd.Stdin = strings.NewReader(in)
		out, _ := cmd.Output()
		return string(out), cmd.ProcessState.ExitCode()
	}
	out, code := run(in)
	list, sum := results(t, out)
	got := map[string]string{}
	for _, r := range list {
		name := filepath.Base(r.File)
		got[name] += strings.TrimSpace(r.Result+" "+string(r.Code)) + ";"
	}
	want := map[string]string{
		"BATCH-00000.xml": "sent;", "BATCH-00002.xml": "sent;", "nowhere.xml": "refused RAVN-1012;",
		"broken.xml": "refused RAVN-2001;", "line 4": "refused RAVN-1012;", "line 6": "refused RAVN-1012;",
		"line 8": "refused RAVN-1012;",
	}
	byFile := got["BATCH-00001.xml"] // wrong tenant, refused by C3 which does not serve the other way, wrong key
	delete(got, "BATCH-00001.xml")
	if !maps.Equal(got, want) || strings.Count(byFile, "refused RAVN-1012;") != 2 ||
		!strings.Contains(byFile, "failed") || code != 2 || sum.Documents != 10 {
		t.Fatalf("exit %d: %v, %q, %+v\n%s", code, got, byFile, sum, out)
	}
	out, code = run(`{"file":` + quote(file(1)) + `,"key":"erp-1"}`)
	if list, _ = results(t, out); code != 1 || len(list) != 1 || list[0].Code != "RAVN-2007" {
		t.Errorf("another document under the same key: exit %d: %s", code, out)
	}
	out, code = run(`{"file":` + quote(file(0)) + `,"key":"erp-1"}`)
	list, _ = results(t, out)
	if code != 0 || len(list) != 1 || list[0].Result != resultAlready || list[0].Key != "erp-1" {
		t.Errorf("the same document under its key: exit %d: %s", code, out)
	}
	onceEach(t, to, []string{numbers[0], numbers[2]})
}

// Beside a server the documents are handed over: --no-wait ends then, and what is not sent in time is on record.
func TestSendBesideServe(t *testing.T) {
	from, _, _, _ := twoNodes(t)
	dir, numbers := invoices(t, 4)
	out, code := ravn(t, nil, "--json", "--config", from, "send", "--no-wait", dir)
	list, sum := results(t, out)
	if code != 0 || sum.Results[resultSubmitted] != len(numbers) || list[0].State != store.Ready || list[0].Key == "" {
		t.Fatalf("exit %d: %s", code, out)
	}
	serveProcess(t, from) // without discovery it cannot send, and says so in the record
	out, code = ravn(t, nil, "--json", "--config", from, "send", "--wait", "2s", dir)
	if _, sum = results(t, out); code != 3 || sum.Results[resultWaiting] != len(numbers) {
		t.Errorf("exit %d: %s", code, out)
	}
	if strings.Contains(out, "send again") || !strings.Contains(out, "it is on record, and ravn serve goes on") {
		t.Errorf("what is said: %s", out)
	}
}
