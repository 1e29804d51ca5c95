package validation

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/saxon"
	"github.com/ravn-ap/ravn/validation/pack"
)

// ofJar names the shared rule file that a compiled one in a jar of phive-rules was made of, where it is of the same
// release.
func ofJar(_ *pack.Pack, file string) string {
	name := strings.TrimSuffix(path.Base(file), ".xslt")
	switch {
	case strings.Contains(file, "/openpeppol/2026.5/") && name == "CEN-EN16931-UBL",
		strings.HasSuffix(file, "/1.3.16/ubl/EN16931-UBL-validation.xslt"):
		return cenUBL
	case strings.HasSuffix(file, "/1.3.16/cii/EN16931-CII-validation.xslt"):
		return cenCII
	case strings.Contains(file, "/openpeppol/2026.5/") && strings.HasPrefix(name, "PEPPOLBIS-"):
		return "peppol-postaward/sch/2026.5/" + name + ".sch"
	case strings.Contains(file, "/openpeppol/2026.5/"):
		return "peppol-billing/sch/2026.5/" + name + ".sch"
	case strings.Contains(file, "/2023-02/xslt/"):
		return "ehf/postaward-g3/sch-2023-02/" + path.Base(path.Dir(file)) + "/" + name + ".sch"
	}
	return ""
}

// TestPhiveJarsInterop installs jars of phive-rules as they come from the Maven repository: a pack for each release,
// all of which compile; and those of the releases whose runs are recorded find the same.
func TestPhiveJarsInterop(t *testing.T) {
	recorded := recordedRuns(t)
	for _, c := range []struct {
		jar   string
		packs string
	}{
		{"phive-rules-peppol-4.3.7.jar", "peppol 2024.5 2024-08-27, peppol 2024.11 2025-02-17, peppol 2025.5 " +
			"2025-08-25, peppol 2025.11 2026-02-23, " +
			"peppol 2026.3 , peppol 2026.5 2026-08-17, peppol-eusr 1.1.5 , peppol-mls 1.0.0 , peppol-tsr 1.0.5 "},
		{"phive-rules-en16931-4.3.7.jar", "en16931 1.3.16 "},
		{"phive-rules-ehf-4.2.3.jar", "ehf-postaward 2023-02 "},
	} {
		t.Run(c.jar, func(t *testing.T) {
			dir := pack.Dir(t.TempDir())
			in, err := dir.Install(saxon.Jar(t, c.jar), pack.Options{Check: CheckPack})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range in.Packs {
				got = append(got, m.Name+" "+m.Version+" "+m.ValidFrom)
			}
			if packs := strings.Join(got, ", "); packs != c.packs {
				t.Errorf("installed %q, want %q", packs, c.packs)
			}
			packs, err := dir.List()
			if err != nil {
				t.Fatal(err)
			}
			if n := asRecorded(t, packs, recorded, ofJar); n == 0 {
				t.Error("nothing was compared")
			}
			reports(t, packs)
		})
	}
}

// Every release in a jar can be asked for: each of them loads and compiles.
func TestPhiveReleasesInterop(t *testing.T) {
	jar := saxon.Jar(t, "phive-rules-en16931-4.3.7.jar")
	dir := pack.Dir(t.TempDir())
	in, err := dir.Install(jar, pack.Options{Check: CheckPack})
	if err != nil || len(in.LeftOut) != 1 {
		t.Fatalf("%+v %v", in, err)
	}
	for _, version := range in.LeftOut[0].Versions {
		if _, err := dir.Install(jar, pack.Options{Version: version, Check: CheckPack}); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
	t.Logf("%d releases", 1+len(in.LeftOut[0].Versions))
}

// Of the releases that lie side by side the one that holds on the day applies.
func TestPhiveJarDaysInterop(t *testing.T) {
	dir := pack.Dir(t.TempDir())
	if _, err := dir.Install(saxon.Jar(t, "phive-rules-peppol-4.3.7.jar"), pack.Options{Check: CheckPack}); err != nil {
		t.Fatal(err)
	}
	packs, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	v := New(packs)
	invoice := golden.Read(t, "rules/peppol-billing/examples/base-example.xml")
	self := []byte(strings.NewReplacer("poacc:billing", "poacc:selfbilling").Replace(string(invoice)))
	for _, c := range []struct {
		day, want string
		body      []byte
	}{
		{"2024-08-27", "2024.5", invoice},
		{"2026-02-22", "2025.5", invoice},
		{"2026-02-23", "2025.11", invoice},
		{"2026-08-16", "2025.11", invoice},
		{"2026-08-17", "2026.5", invoice},
		{"2026-08-16", "2026.3", self},
		{"2026-08-17", "2026.5", self},
	} {
		on, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := v.Validate(t.Context(), Request{Name: c.day, On: on, Body: c.body})
		if err != nil || rep.Version != c.want || rep.Verdict == Error {
			t.Errorf("%s: rules of %s, %s %s; want %s; %v", c.day, rep.Version, rep.Verdict, rep.Reason, c.want, err)
		}
	}
	if rep, err := v.Validate(t.Context(), Request{
		Name: "early", On: day.AddDate(-10, 0, 0),
		Body: invoice,
	}); err != nil || rep.Verdict != Error {
		t.Errorf("a day before all releases: %+v %v", rep, err)
	}
}
