package pack

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// shelf is a server that never fails: files by address.
type shelf map[string][]byte

func (s shelf) fetch(address string, _ int64) ([]byte, error) {
	if b, ok := s[address]; ok {
		return b, nil
	}
	return nil, errors.New("404 Not Found")
}

func (s shelf) index(t *testing.T, offers ...Offer) {
	t.Helper()
	b, err := json.Marshal(Index{offers})
	if err != nil {
		t.Fatal(err)
	}
	s["https://rules.example/packs.json"] = b
}

// TestUpdate installs what is new, once, and one bad offer does not keep back the others.
func TestUpdate(t *testing.T) {
	good, err := os.ReadFile(archive(t, entry{name: ManifestName, text: manifest}, entry{name: "r.sch", text: "rules"}))
	if err != nil {
		t.Fatal(err)
	}
	s := shelf{
		"https://rules.example/p-2.zip": good, "https://rules.example/other/p-3.zip": good,
		"https://rules.example/broken.zip": []byte("no archive"),
	}
	two := Offer{
		Name: "p", Version: "2", URL: "p-2.zip", SHA256: hash(good), ValidFrom: "2026-05-01",
		ValidTo: "2026-10-31",
	}
	three := Offer{
		Name: "p", Version: "3", URL: "https://rules.example/other/p-3.zip",
		SHA256: strings.ToUpper(hash(good)), ValidFrom: "2026-11-01",
	}
	s.index(t,
		Offer{Name: "gone", Version: "1", URL: "gone.zip", SHA256: hash(good)},
		two,
		Offer{Name: "broken", Version: "1", URL: "broken.zip", SHA256: hash([]byte("no archive"))},
		Offer{Name: "changed", Version: "1", URL: "p-2.zip", SHA256: hash([]byte("another"))},
		three)
	dir, o := Dir(t.TempDir()), Options{Check: reads, Fetch: s.fetch}
	list, err := dir.Update("https://rules.example/packs.json", o)
	if err != nil || len(list) != 5 {
		t.Fatal(list, err)
	}
	for i, want := range []string{"404", "", "neither a folder nor a ZIP", "SHA-256", ""} {
		if u := list[i]; u.Installed != (want == "") || !strings.Contains(u.Error, want) ||
			want == "" && u.Error != "" {
			t.Errorf("%s: installed %v, %q", u.Name, u.Installed, u.Error)
		}
	}
	packs, err := dir.List()
	if err != nil || len(packs) != 2 {
		t.Fatal(packs, err)
	}
	if m := packs[1].Manifest; m.Version != "2" || m.ValidTo != "2026-10-31" ||
		m.Source != "https://rules.example/p-2.zip" || m.SHA256 != hash(good) {
		t.Errorf("%+v", m)
	}

	s.index(t, two, three)
	if list, err = dir.Update("https://rules.example/packs.json", o); err != nil || list[0].Installed ||
		list[1].Installed || list[0].Error+list[1].Error != "" {
		t.Errorf("the second time: %v %v", list, err)
	}
	two.SHA256 = hash([]byte("published again"))
	s.index(t, two)
	if list, err = dir.Update("https://rules.example/packs.json", o); err != nil ||
		!strings.Contains(list[0].Error, "another SHA-256") {
		t.Errorf("a release that changed: %v %v", list, err)
	}
}

func TestUpdateRefused(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for name, tc := range map[string]struct{ text, want string }{
		"no list": {"<html/>", "not a list of packs"},
		"empty":   {`{"packs":[]}`, "lists no packs"},
		"bad name": {
			`{"packs":[{"name":"../p","version":"1","url":"p.zip","sha256":"` + sum + `"}]}`,
			"name or version",
		},
		"bad version": {
			`{"packs":[{"name":"p","version":"","url":"p.zip","sha256":"` + sum + `"}]}`,
			"name or version",
		},
		"no hash":    {`{"packs":[{"name":"p","version":"1","url":"p.zip"}]}`, "no SHA-256"},
		"no address": {`{"packs":[{"name":"p","version":"1","sha256":"` + sum + `"}]}`, "no address"},
	} {
		s := shelf{"https://rules.example/packs.json": []byte(tc.text)}
		if _, err := Dir(t.TempDir()).Update("https://rules.example/packs.json",
			Options{Check: reads, Fetch: s.fetch}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := shelf{"https://rules.example/packs.json": []byte(`{"packs":[]}`)}
	if _, err := Dir(t.TempDir()).Update("https://rules.example/packs.json",
		Options{Fetch: s.fetch, SHA256: sum}); err == nil ||
		!strings.Contains(err.Error(), "not the one that was asked for") {
		t.Errorf("another list than the pinned one: %v", err)
	}
	if _, err := Dir(t.TempDir()).Install("https://rules.example/p.zip", Options{Check: reads}); err == nil ||
		!strings.Contains(err.Error(), "not fetched here") {
		t.Errorf("an address without a way to fetch: %v", err)
	}
}
