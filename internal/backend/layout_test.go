package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/durable/faultfs"
)

// an is the delivery of a document with this content.
func an(id, messageID, content string) Delivery {
	m := of(id, content)
	m.MessageID, m.InstanceID = messageID, "instance/1"
	m.Sender, m.Receiver = "iso6523-actorid-upis::0192:991825827", "iso6523-actorid-upis::0192:810418052"
	m.DocType, m.Process = "busdox-docid-qns::urn:x::Invoice##1::2.1", "cenbii-procid-ubl::p"
	m.C2, m.C3 = "POP1", "POP2"
	m.Accepted, m.Attempt = time.Date(2026, 11, 21, 23, 5, 9, 0, time.FixedZone("", -3600)), 2
	return Delivery{
		ID: id, Payload: strings.NewReader(content), Metadata: m,
		Receipt: func(context.Context) ([]byte, error) { return []byte("receipt of " + id), nil },
	}
}

const anID = "019b2f6e-1111-7000-8000-0123456789ab"

// tree lists the files below a folder, hidden ones too.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// OPS-010: which files each layout has.
func TestOPS010Layouts(t *testing.T) {
	for _, tc := range []struct {
		layout  Layout
		pattern string
		want    string
	}{
		{LayoutRavn, "", anID + "/document.xml " + anID + "/metadata.json"},
		{"", "", anID + "/document.xml " + anID + "/metadata.json"},
		{LayoutFlat, "", anID + ".json " + anID + ".xml"},
		{LayoutFlat, "{datetime}_{incoming-id}", "20261122000509_" + anID + ".json 20261122000509_" + anID + ".xml"},
		{LayoutFlat, "{receiver-value}", "0192_810418052-0123456789ab.json 0192_810418052-0123456789ab.xml"},
		{
			LayoutFlat, "{sbdh-instance-id}.{sender-id}",
			"instance_1.iso6523-actorid-upis__0192_991825827-0123456789ab.json " +
				"instance_1.iso6523-actorid-upis__0192_991825827-0123456789ab.xml",
		},
		{LayoutPerTransaction, "", anID + "/metadata.json " + anID + "/sbd.xml"},
		{LayoutPerTransaction, "{process-id}", "cenbii-procid-ubl__p-0123456789ab/metadata.json " +
			"cenbii-procid-ubl__p-0123456789ab/sbd.xml"},
		{LayoutOxalis, "", "0192_810418052/0192_991825827/m_a.example.doc.xml " +
			"0192_810418052/0192_991825827/m_a.example.receipt.dat"},
	} {
		f := &Folder{Dir: t.TempDir(), Layout: tc.layout, Pattern: tc.pattern}
		if out := f.Deliver(t.Context(), an(anID, "m@a.example", whole)); out.Class != Taken {
			t.Fatalf("%s: %+v", tc.layout, out)
		}
		if got := strings.Join(tree(t, f.Dir), " "); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.layout, tc.pattern, got, tc.want)
		}
	}
}

// OPS-010: metadata name the document's file; with phoss they have phoss-ap's members. The receipt is that of C2.
func TestOPS010SideFiles(t *testing.T) {
	for _, tc := range []struct {
		f    *Folder
		file string
		want string
	}{
		{&Folder{Layout: LayoutFlat}, anID + ".json", `"payload":"` + anID + `.xml"`},
		{&Folder{Layout: LayoutPerTransaction}, anID + "/metadata.json", `"payload":"sbd.xml"`},
		{
			&Folder{Layout: LayoutFlat, Phoss: true}, anID + ".json", `{"id":"` + anID + `","senderID":` +
				`"iso6523-actorid-upis::0192:991825827","receiverID":"iso6523-actorid-upis::0192:810418052",` +
				`"docTypeID":"busdox-docid-qns::urn:x::Invoice##1::2.1","processID":"cenbii-procid-ubl::p",` +
				`"as4MessageID":"m@a.example","sbdhInstanceID":"instance/1","c2SeatID":"POP1","c3SeatID":"POP2",` +
				`"status":"forwarding","attemptCount":2,"receivedDT":"2026-11-22T00:05:09Z","isDuplicateAS4":false,` +
				`"isDuplicateSBDH":false}`,
		},
		{
			&Folder{Layout: LayoutOxalis},
			"0192_810418052/0192_991825827/m_a.example.receipt.dat",
			"receipt of " + anID,
		},
	} {
		f := tc.f
		f.Dir = t.TempDir()
		if out := f.Deliver(t.Context(), an(anID, "m@a.example", whole)); out.Class != Taken {
			t.Fatalf("%s: %+v", tc.f.Layout, out)
		}
		text, err := os.ReadFile(filepath.Join(f.Dir, tc.file))
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		if strings.HasPrefix(got, "{") {
			var raw any
			if err := json.Unmarshal(text, &raw); err != nil {
				t.Error(err)
			}
			got = strings.NewReplacer("\n", "", "  ", "", `": `, `":`).Replace(got)
		}
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s has %s, want %s", tc.file, got, tc.want)
		}
	}
}

// OPS-010, REL-012: two access points use one message id for the same sender and receiver. Both documents are there,
// and repeats of both change nothing, in whatever order they come, even when C4 took the receipt of one away.
func TestOPS010OxalisCollision(t *testing.T) {
	const other = "019b2f6e-1111-7000-8000-ba9876543210"
	dir := "0192_810418052/0192_991825827/"
	f := &Folder{Dir: t.TempDir(), Layout: LayoutOxalis}
	want := func(class Class, d Delivery) {
		t.Helper()
		if out := f.Deliver(t.Context(), d); out.Class != class {
			t.Errorf("%+v, want %s", out, class)
		}
	}
	want(Taken, an(anID, "m@a.example", whole))
	want(Taken, an(other, "m@a.example", whole)) // the same content, but another delivery
	want(Already, an(anID, "m@a.example", whole))
	want(Already, an(other, "m@a.example", whole))
	want(Conflict, an(anID, "m@a.example", "other"))
	want(Conflict, an(other, "m@a.example", "other"))
	names := []string{
		dir + "m_a.example-ba9876543210.doc.xml", dir + "m_a.example-ba9876543210.receipt.dat",
		dir + "m_a.example.doc.xml", dir + "m_a.example.receipt.dat",
	}
	if got := tree(t, f.Dir); !slices.Equal(got, names) {
		t.Errorf("%q", got)
	}
	third := an("019b2f6e-1111-7000-8000-aaaaaaaaaaaa", "m@a.example", "third")
	if err := os.Remove(filepath.Join(f.Dir, names[3])); err != nil {
		t.Fatal(err)
	}
	want(Taken, third)
	want(Already, an(anID, "m@a.example", whole))
}

// SEC-136: whatever stands in the identifiers of others, names stay in the folder, in sight, and short.
func TestOPS010HostileNames(t *testing.T) {
	for _, text := range []string{
		"../../etc/passwd", `..\..\x`, "%2e%2e/", "a\x00b", "CON", strings.Repeat("x", 300), "\u202egpj.exe", ".hidden",
		"..", ".", "", "/", "æøå", "{delivery-id}",
	} {
		for _, layout := range Layouts {
			f := &Folder{Dir: filepath.Join(t.TempDir(), "in"), Layout: layout, Pattern: "{sbdh-instance-id}"}
			if err := os.Mkdir(f.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{anID, "019b2f6e-1111-7000-8000-ba9876543210"} {
				d := an(id, text, whole)
				d.Metadata.InstanceID, d.Metadata.Receiver, d.Metadata.Sender = text, "x::"+text, "x::"+text
				if out := f.Deliver(t.Context(), d); out.Class != Taken {
					t.Fatalf("%s %q: %+v", layout, text, out)
				}
			}
			files := tree(t, filepath.Dir(f.Dir))
			for _, file := range files {
				for _, part := range strings.Split(file, "/") {
					if strings.HasPrefix(part, ".") || len(part) > 200 || strings.Trim(part, plainChars) != "" {
						t.Errorf("%s %q: %q", layout, text, file)
					}
				}
			}
			if len(files) != 4 {
				t.Errorf("%s %q: %q", layout, text, files)
			}
		}
	}
}

const plainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// SEC-136: a link in the folder does not lead out of it.
func TestOPS010LinksLeadNowhere(t *testing.T) {
	outside := t.TempDir()
	f := &Folder{Dir: t.TempDir(), Layout: LayoutOxalis}
	if err := os.Symlink(outside, filepath.Join(f.Dir, "0192_810418052")); err != nil {
		t.Fatal(err)
	}
	if out := f.Deliver(t.Context(), an(anID, "m@a.example", whole)); out.Class != Retry {
		t.Errorf("%+v", out)
	}
	if got := tree(t, outside); len(got) != 0 {
		t.Errorf("outside: %q", got)
	}
}

// OPS-010: permissions are those of mode, and a folder can be entered by whoever may read.
func TestOPS010Mode(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0: "-rw-r----- drwxr-x---", 0o600: "-rw------- drwx------", 0o644: "-rw-r--r-- drwxr-xr-x",
	} {
		f := &Folder{Dir: t.TempDir(), Mode: mode}
		if out := f.Deliver(t.Context(), an(anID, "m@a.example", whole)); out.Class != Taken {
			t.Fatal(out)
		}
		dir, err := os.Stat(filepath.Join(f.Dir, anID))
		file, ferr := os.Stat(filepath.Join(f.Dir, anID, PayloadName))
		if err := errors.Join(err, ferr); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(file.Mode(), " ", dir.Mode()); got != want {
			t.Errorf("%o: %s, want %s", mode, got, want)
		}
	}
}

// sideFirst fails the test when a document gets its name before its side file has one that outlasts a loss of power.
type sideFirst struct {
	*faultfs.FS
	t *testing.T
}

func (s sideFirst) Link(old, name string) error {
	if strings.HasSuffix(name, ".xml") {
		side := strings.NewReplacer(".doc.xml", ".receipt.dat", ".xml", ".json").Replace(name)
		if _, err := os.Stat(side); err != nil || slices.Contains(s.Unsynced(), side) {
			s.t.Errorf("%s comes before %s is synced", name, side)
		}
	}
	return s.FS.Link(old, name)
}

// REL-012, REL-002: in each layout of two files, whatever fails on the disk, the document is there whole or not at all,
// after its side file; what counts as delivered survives a loss of power; and the next attempt delivers the rest.
func TestOPS010FailAtEachOperation(t *testing.T) {
	for _, layout := range []Layout{LayoutFlat, LayoutOxalis} {
		for _, flt := range faultfs.Faults {
			t.Run(string(layout)+" "+flt.Name, func(t *testing.T) { failAtEach(t, layout, flt) })
		}
	}
}

func failAtEach(t *testing.T, layout Layout, flt faultfs.Fault) {
	for n := 1; ; n++ {
		ffs := &faultfs.FS{Fault: flt, At: n}
		f := &Folder{Dir: t.TempDir(), Layout: layout, FS: sideFirst{ffs, t}}
		out := f.Deliver(t.Context(), an(anID, "m@a.example", whole))
		if ffs.Failed() == "" {
			if left := ffs.Unsynced(); out.Class != Taken || len(left) > 0 || n < 15 {
				t.Errorf("n = %d: %+v, a loss of power could take %q", n, out, left)
			}
			return
		}
		documents := slices.DeleteFunc(tree(t, f.Dir), func(name string) bool {
			return strings.HasPrefix(filepath.Base(name), ".") || !strings.HasSuffix(name, ".xml")
		})
		if ffs.Failed() != "close" && ffs.Failed() != "remove" && (len(documents) > 0 || out.Delivered()) {
			t.Errorf("n = %d: %s failed, %+v, there is %q", n, ffs.Failed(), out, documents)
		}
		again := &faultfs.FS{}
		f.FS = again
		if out := f.Deliver(t.Context(), an(anID, "m@a.example", whole)); !out.Delivered() {
			t.Errorf("n = %d: %s failed; the next attempt: %+v", n, ffs.Failed(), out)
		}
	}
}

// OPS-007: a probe says which step fails, and leaves nothing.
func TestOPS007Probe(t *testing.T) {
	for _, layout := range Layouts {
		seen := map[string]bool{}
		for n := 1; ; n++ {
			ffs := &faultfs.FS{Fault: faultfs.Faults[0], At: n}
			f := &Folder{Dir: t.TempDir(), Layout: layout, FS: ffs}
			err := f.Probe()
			if ffs.Failed() == "" {
				if err != nil || len(tree(t, f.Dir)) != 0 {
					t.Errorf("%s: %v, left %q", layout, err, tree(t, f.Dir))
				}
				break
			}
			if err == nil && ffs.Failed() != "remove" && ffs.Failed() != "close" {
				t.Errorf("%s: %s failed, and it is in order", layout, ffs.Failed())
			}
			if err != nil {
				step, _, _ := strings.Cut(err.Error(), ":")
				seen[step] = true
			}
		}
		if len(seen) < 5 {
			t.Errorf("%s: %v", layout, seen)
		}
	}
	gone := &Folder{Dir: filepath.Join(t.TempDir(), "gone")}
	if err := gone.Probe(); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "opening the folder") {
		t.Error(err)
	}
}

var _ durable.FS = sideFirst{}
