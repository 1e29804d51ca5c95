package validation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/validation/pack"
)

// withList copies the small pack of this repository with a rule that looks items up in a list.
func withList(t *testing.T, list string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/parcel")); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "parcel.sch")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rule := `<pattern><rule context="p:Item"><let name="name" value="string(@name)"/>
		<assert id="LIST" flag="fatal" test="document('` + list + `')//item[@name = $name]">No item: <value-of
		select="$name"/></assert></rule></pattern></schema>`
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), "</schema>", rule, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "lists"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"lists/items.xml", "lists/other.xml"} {
		items := []byte(`<items><item name="book"/></items>`)
		if err := os.WriteFile(filepath.Join(dir, file), items, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestInstallDocuments: a document that rules read is installed with them, and nothing else of its folder.
func TestInstallDocuments(t *testing.T) {
	dir := pack.Dir(t.TempDir())
	in, err := dir.Install(withList(t, "lists/items.xml"), pack.Options{Check: CheckPack})
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(string(dir), in.Packs[0].Name, in.Packs[0].Version)
	if _, err := os.Stat(filepath.Join(installed, "lists/items.xml")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(installed, "lists/other.xml")); err == nil {
		t.Error("a file that no rule reads was installed")
	}
	packs, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(packs).Validate(t.Context(), Request{Name: "parcel.xml", On: day, Body: parcel(t)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Rule+" "+f.Text)
	}
	if r.Verdict != Invalid || strings.Join(got, ", ") != "LIST No item: lamp" {
		t.Errorf("%s: %v", r.Verdict, got)
	}
}

// TestInstallDocumentsRefused: nothing is installed if a document is missing or lies outside of the pack.
func TestInstallDocumentsRefused(t *testing.T) {
	for list, want := range map[string]string{
		"lists/none.xml":  "lists/none.xml: no such file",
		"../items.xml":    `"../items.xml" leads out of the pack`,
		"lists":           "lists: is a directory",
		"/etc/passwd.xml": `"/etc/passwd.xml" is not the relative name of a file`,
	} {
		dir := pack.Dir(t.TempDir())
		_, err := dir.Install(withList(t, list), pack.Options{Check: CheckPack})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "parcel.sch:") {
			t.Errorf("%s: %v, not %s", list, err, want)
		}
		if packs, _ := dir.List(); len(packs) > 0 {
			t.Errorf("%s: installed", list)
		}
	}
}

// A link in a folder of rules that leads out of it is not followed, in an installation and where rules are used
// from their folder; one that stays inside is.
func TestLinksOutOfAFolderOfRules(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.xml")
	if err := os.WriteFile(secret, []byte("<secret/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"out": secret, "in": "items.xml"} {
		source := withList(t, "lists/linked.xml")
		if err := os.Symlink(to, filepath.Join(source, "lists", "linked.xml")); err != nil {
			t.Fatal(err)
		}
		_, err := pack.Dir(t.TempDir()).Install(source, pack.Options{Check: CheckPack})
		if name == "in" && err != nil || name == "out" && (err == nil || !strings.Contains(err.Error(), "escapes")) {
			t.Errorf("%s: installed: %v", name, err)
		}
		packs, err := pack.Load(source)
		if err != nil || len(packs) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		if err := CheckPack(&packs[0]); (err == nil) != (name == "in") {
			t.Errorf("%s: used: %v", name, err)
		}
	}
}
