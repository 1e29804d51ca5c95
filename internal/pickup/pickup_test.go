package pickup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// OPS-040: a finished file is handed in once, under the key of its path and content, and ends in done with its receipt.
func TestOPS040SentFile(t *testing.T) {
	b := newBench(t)
	b.put("a.xml", "<a/>")
	b.turn(0)
	b.turn(b.Settle - 1)
	b.has("before it settled", "a.xml")
	b.turn(1)
	all := b.has("on its way", "pending/a.xml", "pending/a.xml.status.json")
	if st := all["pending/a.xml.status.json"]; !strings.Contains(st, `"id": "id-1"`) {
		t.Errorf("status %s", st)
	}
	const sum = "bac17d06642bdd1b58cba29e7ac78a8b2afec5d4abbd7e6a8c2d5e5bda1c2d4c"
	if key := b.out.subs[0].Key; !strings.HasPrefix(key, "folder:"+b.Dir+"/a.xml:") || len(key) !=
		len("folder:"+b.Dir+"/a.xml:")+len(sum) {
		t.Errorf("key %q", key)
	}
	b.out.becomes("id-1", store.Sent, "")
	b.turn(b.Scan)
	all = b.has("sent", "done/a.xml", "done/a.xml.json", "done/a.xml.receipt.xml")
	got := outcomeIn(t, all["done/a.xml.json"])
	got.Processed = ""
	want := Outcome{
		Success: true, SourceFile: "a.xml", InstanceID: "i-id-1", MessageID: "id-1@ap", Status: "SENT",
		ID: "id-1",
	}
	if got != want || all["done/a.xml"] != "<a/>" || all["done/a.xml.receipt.xml"] != "receipt of id-1" {
		t.Errorf("got %+v, %q", got, all)
	}
}

// OPS-040: a file that is still being written is left alone until it and its side file stand still.
func TestOPS040HalfWritten(t *testing.T) {
	b := newBench(t)
	b.put("a.xml", "<a>")
	b.turn(0)
	b.turn(b.Settle / 2)
	b.put("a.xml", "<a></a>")
	b.turn(b.Settle - 1)
	b.turn(1)
	b.has("written later", "a.xml")
	b.put("a.json", "{")
	b.turn(b.Settle / 2)
	b.put("a.json", `{"country_c1": "SE"}`)
	b.turn(b.Settle - 1)
	b.has("its side file was written later", "a.xml", "a.json")
	b.turn(b.Settle)
	b.has("both stand still", "pending/a.xml", "pending/a.xml.metadata.json", "pending/a.xml.status.json")
	if len(b.out.texts) != 1 || b.out.texts[0] != "<a></a>" || b.out.subs[0].Country != "SE" {
		t.Errorf("handed in: %q %+v", b.out.texts, b.out.subs)
	}
}

// OPS-041: what is no finished document is left alone.
func TestOPS041Ignored(t *testing.T) {
	b := newBench(t)
	outside := filepath.Join(t.TempDir(), "secret.xml")
	if err := errors.Join(os.WriteFile(outside, []byte("<secret/>"), 0o600),
		os.Symlink(outside, filepath.Join(b.Dir, "link.xml")),
		os.Mkdir(filepath.Join(b.Dir, "folder.xml"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".hidden.xml", "a.xml.tmp", "a.xml.PART", "b.json", "empty.xml"} {
		text := "<a/>"
		if name == "empty.xml" {
			text = ""
		}
		b.put(name, text)
	}
	b.settled()
	b.turn(time.Hour)
	b.has("ignored", ".hidden.xml", "a.xml.tmp", "a.xml.PART", "b.json", "empty.xml")
	if len(b.out.subs) != 0 {
		t.Errorf("handed in: %q", b.out.texts)
	}
}

// OPS-040: what a side file says is used, and what it cannot say is refused by name before anything is handed in.
func TestOPS040SideFile(t *testing.T) {
	const id = `"0192:991825827"`
	for text, want := range map[string]string{
		`{"sender": ` + id + `, "receiver": "0192:810418052", "process": "p", "seat": "POP900001"}`: "",
		`{"wrap": "binary"}`:                    "",
		`{"recipient": ` + id + `}`:             `"recipient" is no member`,
		`{"send_after": "tomorrow"}`:            `"send_after" is no member`,
		`{"sender": "nobody"}`:                  "sender: ",
		`{"sender": 5}`:                         "sender is no text",
		`{"country_c1": "Norway"}`:              "country_c1: ",
		`{"seat": "POP000999"}`:                 "seat: POP000999 is no seat of this installation",
		`{"wrap": "envelope"}`:                  "wrap: want xml, binary or text",
		`null`:                                  "no JSON object",
		`<metadata/>`:                           "no JSON object",
		``:                                      "no JSON object",
		`{"reference": "` + long(70<<10) + `"}`: "larger than 64 KiB",
	} {
		b := newBench(t)
		b.put("a.pdf", "text")
		b.put("a.json", text)
		b.settled()
		if want == "" {
			all := b.has(text, "pending/a.pdf", "pending/a.pdf.metadata.json", "pending/a.pdf.status.json")
			if all["pending/a.pdf.metadata.json"] != text {
				t.Errorf("%s: the side file is %q", text, all)
			}
			continue
		}
		all := b.has(want, "failed/a.pdf", "failed/a.pdf.metadata.json", "failed/a.pdf.json")
		out := outcomeIn(t, all["failed/a.pdf.json"])
		if out.Success || out.Code != string(fault.SideFileInvalid) || !strings.Contains(out.Details, want) ||
			out.Status != "REFUSED" || out.Next == "" || len(b.out.subs) != 0 {
			t.Errorf("%s: %+v", want, out)
		}
	}
	b := newBench(t)
	b.put("a.pdf", "text")
	b.put("a.json", `{"sender": `+id+`, "conversation_id": "c", "wrap": "binary", "seat": "POP900001"}`)
	b.settled()
	if s := b.out.subs[0]; s.From.Value() != "0192:991825827" || s.Conversation != "c" || s.Seat != "POP900001" ||
		s.MimeType != "application/pdf" {
		t.Errorf("handed in: %+v", s)
	}
}

func long(n int) string { return strings.Repeat("a", n) }

// OPS-041: what cannot be sent goes to failed with its code; what may pass stays and is tried again.
func TestOPS041Refused(t *testing.T) {
	for _, tc := range []struct {
		text string
		err  error
		code fault.Code
	}{
		{"no XML", fault.New(fault.DocumentUnreadable, nil, ""), fault.DocumentUnreadable},
		{"<a/>", fault.New(fault.BadArguments, nil, "sender and receiver are needed"), fault.BadArguments},
		{"<a/>", fault.New(fault.DocumentInvalid, nil, ""), fault.DocumentInvalid},
		{long(1001), nil, fault.DocumentTooLarge},
	} {
		b := newBench(t)
		b.out.refuse = tc.err
		b.put("a.xml", tc.text)
		b.settled()
		all := b.has(string(tc.code), "failed/a.xml", "failed/a.xml.json")
		out := outcomeIn(t, all["failed/a.xml.json"])
		if out.Success || out.Code != string(tc.code) || out.ID != "" || strings.Contains(out.Next, "--") ||
			all["failed/a.xml"] != tc.text {
			t.Errorf("%s: %+v", tc.code, out)
		}
	}
	b := newBench(t)
	b.out.refuse = fault.New(fault.RecordUnreadable, errors.New("the disk is full"), "")
	b.put("a.xml", "<a/>")
	b.settled()
	b.has("not accepted now", "pending/a.xml", "pending/a.xml.status.json")
	if n := b.notes[len(b.notes)-1]; n.What != Trouble || n.Err != b.out.refuse {
		t.Errorf("told: %+v", n)
	}
	b.out.refuse = nil
	b.turn(b.Scan)
	if len(b.out.subs) != 1 {
		t.Error("not tried again")
	}
}

// REL-027, design.md §3: what became of a message is told truly, and nothing advises to submit again what may have
// arrived.
func TestOPS040Outcomes(t *testing.T) {
	for _, tc := range []struct {
		state   store.State
		code    fault.Code
		unclear bool
		where   string // folder, or "" for pending
		details string
	}{
		{store.FailedPermanent, fault.PeerRefused, false, "failed/", ""},
		{store.FailedPermanent, fault.GivenUp, false, "failed/", ""},
		{store.Cancelled, "", false, "failed/", ""},
		{store.FailedPermanent, fault.GivenUpUnclear, false, "failed/", "It may have arrived"},
		{store.FailedPermanent, fault.PeerRefused, true, "failed/", "It may have arrived"},
		{store.Closed, fault.ReceiptInvalid, false, "failed/", "It may have arrived"},
		{store.Quarantined, "", false, "", "An operator must decide"},
		{store.UnknownAccepted, "", false, "", "An operator must decide"},
		{store.ReceiptInvalid, "", false, "", "An operator must decide"},
		{store.RecoveryHold, "", false, "", "An operator must decide"},
		{store.RetryWait, fault.PeerLater, false, "", "Nothing: "},
		{store.Unknown, fault.PeerUnreachable, false, "", "Nothing: "},
	} {
		b := newBench(t)
		b.put("a.xml", "<a/>")
		b.settled()
		b.out.attempts = []store.Attempt{{N: 1, Unclear: tc.unclear}}
		b.out.events = []store.Event{{Kind: store.EventAttempt, To: tc.state, Detail: "what happened"}}
		b.out.becomes("id-1", tc.state, string(tc.code))
		b.turn(b.Scan)
		if tc.where == "" {
			all := b.has(string(tc.state), "pending/a.xml", "pending/a.xml.status.json")
			if st := all["pending/a.xml.status.json"]; !strings.Contains(st, tc.details) ||
				!strings.Contains(st, `"status": "`+string(tc.state)+`"`) {
				t.Errorf("%s: %s", tc.state, st)
			}
			continue
		}
		all := b.has(string(tc.state), tc.where+"a.xml", tc.where+"a.xml.json")
		out := outcomeIn(t, all[tc.where+"a.xml.json"])
		unclear := strings.Contains(out.Details, "It may have arrived")
		if out.Success || out.Code != string(tc.code) || out.ID != "id-1" ||
			!strings.Contains(out.Details, "what happened") || unclear != (tc.details != "") {
			t.Errorf("%s %s: %+v", tc.state, tc.code, out)
		}
		if unclear == strings.Contains(out.Next, "new") {
			t.Errorf("%s %s: advice %q", tc.state, tc.code, out.Next)
		}
	}
}

// OPS-041: the same name later is another document, if its content is another one. Everything gets a name of its own.
func TestOPS041SameName(t *testing.T) {
	b := newBench(t)
	for _, text := range []string{"<a/>", "<b/>", "<c/>"} {
		b.put("a.xml", text)
		b.settled()
	}
	b.put("a~1.xml", "<d/>") // which looks like the name that the second one has meanwhile
	b.settled()
	b.has("all on their way", "pending/a.xml", "pending/a.xml.status.json", "pending/a~1.xml",
		"pending/a~1.xml.status.json", "pending/a~2.xml", "pending/a~2.xml.status.json", "pending/a~1~0.xml",
		"pending/a~1~0.xml.status.json")
	*b.Folder = *b.node(b.Dir) // a restart
	b.turn(0)
	var keys []string
	for i, s := range b.out.subs {
		_, rest, _ := strings.Cut(s.Key, b.Dir+"/")
		name, _, _ := strings.Cut(rest, ":")
		keys = append(keys, name+" "+b.out.texts[i])
		b.out.becomes(fmt.Sprintf("id-%d", i+1), store.Sent, "")
	}
	if want := []string{"a.xml <a/>", "a.xml <b/>", "a.xml <c/>", "a~1.xml <d/>"}; !slices.Equal(keys, want) {
		t.Errorf("handed in %q, want %q", keys, want)
	}
	b.turn(b.Scan)
	all := b.files()
	var texts []string
	for _, name := range []string{"done/a.xml", "done/a-1.xml", "done/a-2.xml", "done/a~1.xml"} {
		texts = append(texts, all[name])
	}
	slices.Sort(texts)
	if want := []string{"<a/>", "<b/>", "<c/>", "<d/>"}; !slices.Equal(texts, want) || len(all) != 12 {
		t.Errorf("done: %q", all)
	}
	b.put("a.xml", "<a/>") // once more the same: it is the message that there is
	b.settled()
	if got := outcomeIn(t, b.files()["done/a-3.xml.json"]); len(b.out.subs) != 4 || got.ID != "id-1" {
		t.Errorf("the same again: %+v, %d messages", got, len(b.out.subs))
	}
}

// OPS-040: what was sent is deleted after its time, at once if it is 0, and nothing else is.
func TestOPS040Keep(t *testing.T) {
	b := newBench(t)
	b.put("a.xml", "<a/>")
	b.settled()
	b.out.becomes("id-1", store.Sent, "")
	b.turn(b.Scan)
	for name, text := range map[string]string{"done/note.txt": "of a person", "failed/b.xml.json": "{}"} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.now = time.Now()
	b.turn(b.Keep - time.Minute)
	b.has("kept", "done/a.xml", "done/a.xml.json", "done/a.xml.receipt.xml", "done/note.txt", "failed/b.xml.json")
	b.turn(cleanEvery)
	b.has("deleted", "done/note.txt", "failed/b.xml.json")

	b = newBench(t)
	b.Keep = 0
	b.put("a.xml", "<a/>")
	b.put("b.xml", "<b/>")
	b.put("a.json", `{"country_c1": "SE"}`)
	b.settled()
	for i, s := range b.out.subs {
		state := store.Sent
		if strings.Contains(s.Key, "b.xml") {
			state = store.FailedPermanent
		}
		b.out.becomes(fmt.Sprintf("id-%d", i+1), state, "")
	}
	b.turn(b.Scan)
	b.has("deleted at once", "failed/b.xml", "failed/b.xml.json")

	b = newBench(t)
	b.put("a.xml", "<a/>")
	b.settled()
	b.out.becomes("id-1", store.Sent, "")
	b.turn(b.Scan)
	b.put("done/note.txt", "of a person")
	b.Keep = 0
	b.init() // a restart with another configuration
	b.turn(0)
	b.has("nothing is kept any more", "done/note.txt")
}

// OPS-041: a folder that is gone is told of and taken up again when it is back.
func TestOPS041FolderGone(t *testing.T) {
	b := newBench(t)
	if err := os.Rename(b.Dir, b.Dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.round(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(b.Dir, 0o700); err != nil { // as a disk that is not mounted
		t.Fatal(err)
	}
	if _, err := b.round(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its parts: %v", err)
	}
	if err := errors.Join(os.Remove(b.Dir), os.Rename(b.Dir+"-away", b.Dir)); err != nil {
		t.Fatal(err)
	}
	b.put("a.xml", "<a/>")
	b.settled()
	if len(b.out.subs) != 1 {
		t.Error("not taken up again")
	}
}

// OPS-041: a file that cannot be moved stays where it is, is told of, and is tried less and less often.
func TestOPS041Blocked(t *testing.T) {
	b := newBench(t)
	name := long(longestName-3) + ".xml"
	b.put(name, "<a/>")
	b.turn(0)
	for range 40 {
		b.turn(b.Scan)
	}
	b.has("kept", name)
	if n := len(b.notes); n < 2 || n > 8 || b.notes[0].What != Trouble || b.notes[0].File == "" {
		t.Errorf("told %d times: %+v", n, b.notes)
	}
}

// OPS-041: the oldest files come first, and a scan takes a limited number.
func TestOPS041Oldest(t *testing.T) {
	b := newBench(t)
	b.Folder.Parallel = 1
	for i, name := range []string{"c.xml", "a.xml", "b.xml"} {
		b.put(name, "<"+name+"/>")
		at := b.now.Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(filepath.Join(b.Dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	b.settled()
	if want := []string{"<c.xml/>", "<a.xml/>", "<b.xml/>"}; !slices.Equal(b.out.texts, want) {
		t.Errorf("handed in %q, want %q", b.out.texts, want)
	}
}

// No name leads out of the folder, and no name of a person gets into a log.
func TestMasked(t *testing.T) {
	for name, want := range map[string]string{
		"invoice-12345678901.xml": "invoice-*.xml", "0192-991825827 2026-11.xml": "*.xml", "a": "a",
		"a 010203-12345.xml": "a *.xml", "01 02 03 123.45": "*", "a-2026-11-30.xml": "a-2026-11-30.xml",
		"12-a-3456789.xml": "12-a-3456789.xml",
	} {
		if got := masked(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a.xml", "a~1.xml", "a~1~0.xml", "a", "a~1", "a.b.xml", "~1.xml"} {
		for k := range 3 {
			p := pendingName(name, k)
			if other, twice := seen[p]; twice || originalName(p) != name {
				t.Errorf("%q %d: %q, of %q, also that of %q", name, k, p, originalName(p), other)
			}
			seen[p] = name
		}
	}
}

// OPS-041: of two nodes that work on a folder at once, with one record or with two, each document is handed in by one,
// and a node leaves alone what one with another record has taken.
func TestOPS041TwoNodesAtOnce(t *testing.T) {
	for _, records := range []int{1, 2} {
		b := newBench(t)
		other := b.node(b.Dir)
		outs := []*outbox{b.out, b.out}
		if records == 2 {
			outs[1] = newOutbox()
			other.Submit, other.Record, other.Installation = outs[1].submit, outs[1], "there"
		}
		for i := range 50 {
			b.put(fmt.Sprintf("%02d.xml", i), fmt.Sprintf("<a>%d</a>", i))
		}
		for range 10 { // a node that does not get the lock sees nothing
			var wg sync.WaitGroup
			for _, f := range []*Folder{b.Folder, other} {
				wg.Go(func() {
					for range 5 {
						if _, err := f.round(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.now = b.now.Add(b.Settle)
		}
		texts := map[string]int{}
		for _, out := range outs[:records] {
			for _, text := range out.texts {
				texts[text]++
			}
		}
		for i := range 50 {
			if text := fmt.Sprintf("<a>%d</a>", i); texts[text] != 1 {
				t.Errorf("%d records: %s was handed in %d times", records, text, texts[text])
			}
		}
	}
}

// OPS-041: a node leaves alone what another installation has taken, and says so once.
func TestOPS041Foreign(t *testing.T) {
	b := newBench(t)
	b.put("a.xml", "<a/>")
	b.settled()
	b.Installation, b.notes = "there", nil
	b.init() // a restart with another database
	for range 3 {
		b.turn(b.Scan)
	}
	b.has("left alone", "pending/a.xml", "pending/a.xml.status.json")
	if len(b.out.subs) != 1 || len(b.notes) != 1 || b.notes[0].What != Trouble {
		t.Errorf("%d handed in, told %+v", len(b.out.subs), b.notes)
	}
}
