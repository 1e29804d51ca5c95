package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// stated is a release that a source says it is, and where it says so.
type stated struct {
	version, at string
	kept        bool // the place is kept up with the releases; of those that are not, the latest day counts
}

// versionForm is what a version looks like: 1.3.16, 2026.5, 1.3.6a, 3.0.11-hotfix, a date; of XRechnung 3.0.2-2.5.0,
// its own and that of its rules, or 3.0.2-2026-01-31.
var versionForm = regexp.MustCompile(
	`^[0-9]+(\.[0-9]+)+[a-z]?(-[0-9][0-9.-]*)?(-hotfix|-SNAPSHOT)?$|^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$`)

// marks are how rule files name their release in a comment or in their title.
var marks = []struct {
	pack, file string // "" is any file
	mark       *regexp.Regexp
	form       string // of the version
	within     int    // how much of a file is searched
	stale      bool   // it is not kept up with the releases
}{
	{ofEN16931, "", regexp.MustCompile(`Schematron version ([0-9][0-9.]*[0-9][a-z]?)`), "$1", head, false},
	{ofPeppol, "PEPPOL-EN16931-UBL.", peppolMark, "$1", head, false},
	{ofPeppol, "PEPPOL-EN16931-CII.", peppolMark, "$1", head, false},
	{ofBilling, "PEPPOL-EN16931-UBL.", peppolMark, "$1", head, false},
	{ofBilling, "PEPPOL-EN16931-CII.", peppolMark, "$1", head, false},
	{ofSelfBilling, "PEPPOL-EN16931-UBL-SB.", peppolMark, "$1", head, false},
	{ofEHF, "", ehfMark, "$1", head, true},
	{
		ofXRechnung, "XRechnung-",
		regexp.MustCompile(`Schematron Version ([0-9]\S*) - XRechnung(?:\s|&#xA;)+([0-9]\S*) compatible`), "$2-$1",
		maxReleaseFile, false,
	},
}

var (
	peppolMark = regexp.MustCompile(`Last update: .{1,40}\brelease ([0-9]+\.[0-9]+\.[0-9]+)`)
	ehfMark    = regexp.MustCompile(`(?m)^Release: ([0-9]{4}-[0-9]{2}-[0-9]{2})\s*$`)
)

// head is where comments about the release of a rule file stand.
const head = 4 << 10

// releaseFiles are the files in which repositories and archives name their release beside the rules.
var releaseFiles = []struct {
	pack, file string
	start      string // what the mark begins at: the first in the file
	mark       *regexp.Regexp
	form       string // of the version
	stale      bool
}{
	{ofPeppol, postAwardNotes + "main.adoc", "\ninclude::", notesMark, "$1", false},
	{ofPostAward, postAwardNotes + "main.adoc", "\ninclude::", notesMark, "$1", false},
	{ofLogistics, postAwardNotes + "main.adoc", "\ninclude::", notesMark, "$1", false},
	{ofBilling, billingNotes + "main.adoc", "\ninclude::", notesMark, "$1", false},
	{ofEHF, "README", "\nRelease: ", regexp.MustCompile(`^\nRelease: (\S+)`), "$1", true},
	{ofEHF, "Makefile", "\nRELEASE", makeMark, "$1", true},
	{ofEHFGovernment, "Makefile", "\nRELEASE", makeMark, "$1", true},
	{
		ofEHFGovernment, "docs/get-evidence-1.0/settings.adoc", "\n:release:",
		regexp.MustCompile(`^\n:release:[ \t]*(\S+)`), "$1", true,
	},
	{
		ofXRechnung, "build.xml", `name="xr-schematron.version.full"`,
		regexp.MustCompile(`(?s)^name="xr-schematron\.version\.full" value="([0-9][^"]*)".*?` +
			`name="xrechnung\.version" value="([0-9][^"]*)"`), "$2-$1", false,
	},
	{ofXRechnung, "CHANGELOG.md", "\n## ", regexp.MustCompile(`^\n## v([0-9]\S*) on `), "$1", false},
}

// The notes of the releases of OpenPeppol: main.adoc includes one file for each, the newest first.
const (
	postAwardNotes = "guides/release-notes/"
	billingNotes   = "guide/release-notes/"
)

var (
	notesMark = regexp.MustCompile(`^\ninclude::v?([0-9][0-9A-Za-z.-]*)\.adoc\[`)
	makeMark  = regexp.MustCompile(`^\nRELEASE[ \t]*:?=[ \t]*(\S+)`)

	// notesTitle and mandatory are in the notes of one release.
	notesTitle = regexp.MustCompile(`(?m)^= Version (\S+(?: - hotfix)?)[ \t]*\r?$`)
	mandatory  = regexp.MustCompile(`(?im)^[*\s]*(?:mandatory(?: to use)?|valid|gültig) (?:from|ab):{1,2}[ \t]*` +
		`([0-9]{4}-[0-9]{2}-[0-9]{2})[ \t]*\r?$`)
)

// maxReleaseFile is how much is read of a file that names a release.
const maxReleaseFile = 1 << 20

// releases are the releases that a source names for a pack, the most trustworthy first: in the rule files, in other
// files, in the names of archive and folders.
func (r *ruleSet) releases(files fs.FS, m *Manifest, names []string) ([]stated, error) {
	list, err := markedReleases(files, m)
	if err != nil {
		return nil, err
	}
	for _, f := range releaseFiles {
		if f.pack != m.Name {
			continue
		}
		version, err := namedIn(files, f.file, f.start, f.mark, f.form)
		if err == nil && f.mark == notesMark {
			version, err = titleOf(files, path.Dir(f.file)+"/v"+version+".adoc", version)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, stated{version, f.file, !f.stale})
	}
	for _, name := range slices.Backward(names) {
		list = append(list, stated{versionNamed(name), "the name " + name, true})
	}
	for i := range list {
		list[i].version = withDashes(list[i].version)
	}
	return slices.DeleteFunc(list, func(f stated) bool { return !versionForm.MatchString(f.version) }), nil
}

// namedIn finds the release in a file, "" when there is none: the first that begins with start must fit the mark.
func namedIn(files fs.FS, file, start string, mark *regexp.Regexp, form string) (string, error) {
	text, err := readStart(files, file, maxReleaseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	text = append([]byte("\n"), text...)
	at := bytes.Index(text, []byte(start))
	if err != nil || at < 0 {
		return "", err
	}
	return formed(mark, form, text[at:]), nil
}

// titleOf is the release that the title of its notes says, or the name of the file if there are none. "Version 1.3xx"
// is the title of one that is being made, and no release.
func titleOf(files fs.FS, notes, named string) (string, error) {
	text, err := readStart(files, notes, maxReleaseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return named, nil
	}
	if title := notesTitle.FindSubmatch(text); title != nil {
		named = strings.Replace(string(title[1]), " - ", "-", 1)
	}
	return named, err
}

// markedReleases are those that the rule files of a manifest name.
func markedReleases(files fs.FS, m *Manifest) ([]stated, error) {
	var list []stated
	seen := map[string]bool{}
	for _, d := range m.Documents {
		for _, file := range d.Rules {
			for _, by := range marks {
				if seen[file] || by.pack != m.Name || !strings.HasPrefix(path.Base(file), by.file) {
					continue
				}
				text, err := readStart(files, file, by.within)
				if err != nil {
					return nil, err
				}
				list = append(list, stated{formed(by.mark, by.form, text), file, !by.stale})
			}
			seen[file] = true
		}
	}
	return list, nil
}

// decide enters the release of a manifest: the first of those that the source names. What names another one is
// remarked.
func (m *Manifest) decide(list []stated) {
	if len(list) == 0 {
		return
	}
	best := list[0]
	for _, f := range list[1:] {
		if !best.kept && isDay(best.version) && isDay(f.version) && f.version > best.version {
			best = f
		}
	}
	for _, f := range list { // 2.5.0 are rules of 3.0.2-2.5.0
		if strings.HasSuffix(f.version, "-"+best.version) {
			best = f
		}
	}
	m.Version, m.ReleaseFrom = best.version, best.at
	for _, f := range list {
		if m.ordinal(f.version) != m.ordinal(best.version) {
			m.Remarks = append(m.Remarks, fmt.Sprintf("%s says that it is release %s; %s, which counts, says %s",
				f.at, f.version, best.at, best.version))
		}
	}
}

func isDay(version string) bool {
	_, err := time.Parse(time.DateOnly, version)
	return err == nil
}

// ordinal is a form of a release's version that is the same for all numbers that the release has.
func (m *Manifest) ordinal(version string) string {
	if r, ok := peppolRelease(m.Name, version); ok {
		return r.release
	}
	if spec, rules, ok := strings.Cut(version, "-"); ok && m.Name == ofXRechnung && strings.Contains(spec, ".") {
		return rules
	}
	return version
}

// date enters the first day of a manifest's release: of releases that are known by their day, or from the notes.
func (m *Manifest) date(files fs.FS) error {
	if m.ValidFrom = since(m.Name, m.Version); m.ValidFrom != "" {
		m.DaysFrom = "the known releases of OpenPeppol"
	}
	for _, f := range releaseFiles {
		dir, ok := strings.CutSuffix(f.file, "main.adoc")
		if !ok || f.pack != m.Name || m.Version == "" {
			continue
		}
		at := dir + "v" + m.Version + ".adoc"
		text, err := readStart(files, at, maxReleaseFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		day := mandatory.FindSubmatch(text)
		switch {
		case day == nil:
		case m.ValidFrom == "":
			m.ValidFrom, m.DaysFrom = string(day[1]), at
		case m.ValidFrom != string(day[1]):
			m.Remarks = append(m.Remarks, fmt.Sprintf("%s says that it holds from %s; %s, which count, say %s",
				at, day[1], m.DaysFrom, m.ValidFrom))
		}
	}
	return nil
}

// readStart reads the beginning of a file.
func readStart(files fs.FS, name string, limit int) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)))
	return b, errors.Join(err, f.Close())
}

// namesOfReleases are how names of archives and folders end with their release.
var namesOfReleases = []struct {
	mark *regexp.Regexp
	form string
}{
	{
		regexp.MustCompile(`xrechnung[-_]([0-9.]+)[-_](?:schematron-|validator-configuration-)?` +
			`([0-9.]+(?:-SNAPSHOT)?|` + dayForm + `)$`), "$1-$2",
	},
	{
		regexp.MustCompile(`(?:^|[-_ ])v?([0-9]+(?:\.[0-9]+)+[a-z]?|[0-9]{4}-[0-9]{2}|` + dayForm + `|20[0-9]{6})$`),
		"$1",
	},
}

const dayForm = `[0-9]{4}-[0-9]{2}-[0-9]{2}`

// versionNamed is the release in a name, "" when there is none.
func versionNamed(name string) string {
	for _, by := range namesOfReleases {
		if v := formed(by.mark, by.form, []byte(name)); v != "" {
			return v
		}
	}
	return ""
}

// formed writes what a mark finds in a form, "" when it finds nothing.
func formed(mark *regexp.Regexp, form string, text []byte) string {
	found := mark.FindSubmatchIndex(text)
	if found == nil {
		return ""
	}
	return string(mark.Expand(nil, []byte(form), text, found))
}

// withDashes writes a day as others are written: 20260813 and 2018.08.30 are days.
func withDashes(version string) string {
	for _, form := range []string{"20060102", "2006.01.02"} {
		if day, err := time.Parse(form, version); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	return version
}
