package pack

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// recognise makes a manifest of what lies in a folder or archive: its own, or one for a layout that is known. A jar
// has many releases side by side, and so gives many manifests. names are those of the archive and of the folders that
// its files lie in: releases are often named there only.
//
// base is the pack whose rules others come on top of, or nil.
func recognise(files fs.FS, base *Pack, names ...string) ([]*Manifest, error) {
	if p, err := openPack(files); err == nil || !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		return []*Manifest{&p.Manifest}, nil
	}
	if b, err := fs.ReadFile(files, "mapping.md"); err == nil {
		m, err := fromMapping(files, b)
		if err != nil {
			return nil, err
		}
		return []*Manifest{m}, nil
	}
	if m, err := fromScenarios(files, names); m != nil || err != nil {
		return []*Manifest{m}, err
	}
	var out []*Manifest
	unknown := errUnknownLayout
	for _, layout := range []func(fs.FS) ([]*ruleSet, error){jarReleases, officialFiles} {
		list, err := layout(files)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			made, err := r.manifests(files, base, names)
			if err != nil {
				return nil, err
			}
			out = append(out, made...)
			if base == nil && r.rules["XRechnung-UBL-validation"]+r.rules["XRechnung-CII-validation"] != "" {
				unknown = errNoBase
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, unknown
}

var errNoBase = errors.New("pack: the rules of XRechnung come on top of those of EN 16931, which are not in it: " +
	"install " + ofEN16931 + " first, or the validator configuration of KoSIT, which has both")

var errUnmerged = errors.New("pack: the rules in " + unmerged + " are without those of Peppol that the build adds: " +
	"install what it publishes (xrechnung-…-schematron-….zip), or the repository after its build")

var errUnknownLayout = errors.New("pack: nothing is recognised here: there is no " + ManifestName +
	", no mapping.md, and no layout of OpenPeppol, CEN, EHF, KoSIT or phive-rules with rule files of a known " +
	"document type")

// places are the folders in which official repositories and archives keep rule files. The first that has a file wins:
// what a build made stands before its sources, flattened before modular, Schematron before what was compiled from it.
var places = []struct {
	folder  string
	sources bool // some repositories keep sources here that lack the parts which their build makes
}{
	{folder: "target/schematron"},
	{folder: "target/schematron/*"}, // OpenPeppol and EHF, built
	{folder: "*/schematron/preprocessed"},
	{folder: "schematron/preprocessed"}, // CEN
	{folder: "*/schematron"},
	{folder: "schematron"},
	{folder: "schematron/*"},
	{folder: "build/schematron/*"}, // XRechnung, archive and built
	{folder: "*/xslt"},
	{folder: "xslt"},
	{folder: "rules/sch", sources: true},
	{folder: "rules/*/sch", sources: true},
	{folder: "src/*/rules/sch", sources: true},
	{folder: "src/*/*/schematron"},
	{folder: unmerged + "/*"},
	{folder: "src/*/*/resources/schematron"}, // reporting
	{folder: "sch"},
	{folder: "xsl"},                                  // archives of the EHF validator
	{folder: "external/schematron/simplerinvoicing"}, // jar of NLCIUS: releases in the names of its files
	{folder: "."},
	{folder: "*"}, // archives of built files
}

// unmerged is where XRechnung keeps its rules without those of Peppol, which its build adds.
const unmerged = "src/validation/schematron"

// jarPlaces are the folders of phive-rules: the star that stands first is the version of a release.
var jarPlaces = []struct{ pack, folder string }{
	{ofPeppol, "external/schematron/openpeppol/*/xslt"},
	{ofMLS, "external/schematron/mls/*/xslt"},
	{ofEUSR, "external/schematron/reporting/eusr/*/xslt"},
	{ofTSR, "external/schematron/reporting/tsr/*/xslt"},
	{ofEN16931, "external/schematron/*/ubl"},
	{ofEN16931, "external/schematron/*/ubl/xslt"},
	{ofEN16931, "external/schematron/*/cii"},
	{ofEN16931, "external/schematron/*/cii/xslt"},
	{ofEHF, "external/schematron/*/xslt/*"},
	{ofItaly, "external/schematron/peppol-italy/*/*"},
	{"", "external/schematron/*"}, // XRechnung, ZUGFeRD; other jars have files here that are not known
}

// schemaPlaces are the folders in which they keep XML Schemas.
var schemaPlaces = []string{
	"external/schemas", "*/xsd", "src/*/*/xsd", "src/*/*/resources/xsd", "xsd/payment",
	"cii/schema/D16B SCRDM (Subset)/uncoupled clm/CII/uncefact/data/standard",
	"schema/D16B SCRDM (Subset)/uncoupled clm/CII/uncefact/data/standard",
}

// ruleSet is the rule files of one release.
type ruleSet struct {
	pack, version  string            // where the layout says them
	at             string            // where it says the version
	rules, schemas map[string]string // paths by the name of the file without extension
	sources        bool              // some of the rules lie where sources do
}

// officialFiles finds the rule files of a repository or of an archive of one.
func officialFiles(files fs.FS) ([]*ruleSet, error) {
	r := &ruleSet{rules: map[string]string{}}
	for _, p := range places {
		n := len(r.rules)
		if err := collect(files, p.folder, r.rules, ".sch", ".xslt", ".xsl"); err != nil {
			return nil, err
		}
		r.sources = r.sources || p.sources && len(r.rules) > n
	}
	err := r.findSchemas(files)
	return []*ruleSet{r}, err
}

// jarReleases finds the releases in a jar of phive-rules, in the order of their versions.
func jarReleases(files fs.FS) ([]*ruleSet, error) {
	byFolder := map[string]*ruleSet{}
	for _, p := range jarPlaces {
		folders, err := fs.Glob(files, p.folder)
		if err != nil {
			return nil, err
		}
		for _, folder := range folders {
			level := strings.Count(p.folder[:strings.Index(p.folder, "*")], "/")
			parts := strings.Split(folder, "/")
			if p.pack == "" && !versionForm.MatchString(parts[level]) {
				continue
			}
			root := p.pack + ":" + strings.Join(parts[:level+1], "/")
			if byFolder[root] == nil {
				byFolder[root] = &ruleSet{
					pack: p.pack, version: parts[level], at: "the name of " + path.Join(parts[:level+1]...),
					rules: map[string]string{},
				}
			}
			if err := collect(files, folder, byFolder[root].rules, ".xslt"); err != nil {
				return nil, err
			}
		}
	}
	list := slices.SortedFunc(maps.Values(byFolder), func(a, b *ruleSet) int {
		if c := strings.Compare(a.pack, b.pack); c != 0 {
			return c
		}
		return compareVersions(a.version, b.version)
	})
	for _, r := range list {
		if err := r.findSchemas(files); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *ruleSet) findSchemas(files fs.FS) error {
	r.schemas = map[string]string{}
	own := "external/schemas/" + r.version + "/*"
	for _, folder := range append([]string{own}, schemaPlaces...) {
		if err := collect(files, folder, r.schemas, ".xsd"); err != nil {
			return err
		}
	}
	return nil
}

// collect enters the files of folders, by name, unless one of that name is there. An extension that stands first wins.
func collect(files fs.FS, folder string, into map[string]string, extensions ...string) error {
	for _, ext := range extensions {
		list, err := fs.Glob(files, path.Join(folder, "*"+ext))
		if err != nil {
			return err
		}
		for _, file := range list {
			name := strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ext), "-preprocessed")
			if other, ok := otherNames[name]; ok {
				name = other
			}
			if _, ok := into[name]; !ok {
				into[name] = file
			}
		}
	}
	return nil
}

// findFiles returns the files with these names, and the version in the name of the last one that has one. Of a file
// whose version stands in its name it takes the newest.
func findFiles(in map[string]string, names string) (paths []string, version string, ok bool) {
	for _, name := range strings.Fields(names) {
		if strings.HasSuffix(name, "-") {
			version = ""
			for have := range in {
				v, ok := strings.CutPrefix(have, name)
				if ok && versionForm.MatchString(v) && compareVersions(v, version) > 0 {
					version = v
				}
			}
			name += version
		}
		file, ok := in[name]
		if !ok {
			return nil, "", false
		}
		paths = append(paths, file)
	}
	return paths, version, true
}

// manifests makes the manifests of a release: one, unless it holds things that are numbered apart.
func (r *ruleSet) manifests(files fs.FS, base *Pack, names []string) ([]*Manifest, error) {
	byPack := map[string]*Manifest{}
	withBase := baseRules(base)
	maps.Copy(withBase, r.rules)
	for _, doc := range knownDocuments {
		k := &doc
		in, generation := r.rules, generations[k.pack]
		if k.pack == ofXRechnung {
			in = withBase
		}
		rules, version, ok := findFiles(in, k.rules)
		if !ok || r.version != "" && !strings.HasPrefix(r.version, generation) {
			continue
		}
		name := r.packOf(k)
		m := byPack[name]
		if m == nil {
			m = &Manifest{
				Name: name, Version: r.version, ReleaseFrom: r.at, Documents: []Document{}, generation: generation,
			}
			byPack[name] = m
		}
		if first, _, _ := strings.Cut(k.rules, " "); in[first] != r.rules[first] {
			m.With = base.Name + " " + base.Version
		}
		if m.Version == "" && version != "" {
			m.Version, m.ReleaseFrom = version, "the name of "+rules[len(rules)-1]
		}
		d := Document{
			Title: k.title, DocType: k.docType(), Processes: k.processes, Rules: rules, Levels: k.levels(),
		}
		if schema, _, ok := findFiles(r.schemas, k.schemas); ok && len(schema) == 1 {
			d.XSD = schema[0]
		}
		m.Documents = append(m.Documents, d)
	}
	for _, m := range byPack {
		if err := r.complete(files, m, names); err != nil {
			return nil, err
		}
	}
	byName := func(a, b *Manifest) int { return strings.Compare(a.Name, b.Name) }
	return slices.SortedFunc(maps.Values(byPack), byName), nil
}

// packOf says to which pack a document type of this release belongs. The reports, MLS and EN 16931 are numbered on
// their own.
func (r *ruleSet) packOf(k *knownDocument) string {
	switch {
	case r.pack != "":
		return r.pack
	case slices.Contains([]string{ofEN16931, ofMLS, ofEUSR, ofTSR, ofXRechnung, ofZUGFeRD, ofNLCIUS}, k.pack):
		return k.pack
	}
	var here []string
	for i := range knownDocuments {
		if _, _, ok := findFiles(r.rules, knownDocuments[i].rules); ok {
			here = append(here, knownDocuments[i].pack)
		}
	}
	if slices.Contains(here, ofBilling) && slices.Contains(here, ofPostAward) && !slices.Contains(here, ofEHF) {
		return ofPeppol
	}
	for _, name := range []string{ofEHF, ofEHFGovernment, ofEHFPayment, ofBilling, ofPostAward, ofLogistics} {
		if slices.Contains(here, name) {
			return name
		}
	}
	return k.pack
}

// complete fills in what a manifest has beside its documents.
func (r *ruleSet) complete(files fs.FS, m *Manifest, names []string) error {
	if m.Version == "" {
		list, err := r.releases(files, m, names)
		if err != nil {
			return err
		}
		m.decide(list)
	}
	if m.Name == ofPeppol {
		m.Version = m.ordinal(m.Version)
	}
	if err := m.date(files); err != nil {
		return err
	}
	for _, d := range m.Documents {
		if strings.HasPrefix(d.Rules[len(d.Rules)-1], unmerged+"/") {
			return errUnmerged
		}
	}
	m.enterLicence(files)
	r.testSets(m)
	if r.sources {
		m.hint = "; the files lie where a repository keeps its sources: where parts of them are made by its build, " +
			"install what it publishes, or the folder with what was built"
	}
	return nil
}

// testSets enters the configurations of official test sets.
func (r *ruleSet) testSets(m *Manifest) {
	m.Configurations = map[string][]string{}
	for _, d := range m.Documents {
		for _, file := range d.Rules {
			if t := transaction.FindStringSubmatch(file); t != nil {
				m.Configurations["peppolbis-"+strings.ToLower(t[1])] = []string{file}
			}
		}
	}
	for name, rules := range knownTestSets {
		files, _, ok := findFiles(r.rules, rules)
		inPack := slices.ContainsFunc(m.Documents, func(d Document) bool {
			return ok && slices.Contains(d.Rules, files[len(files)-1])
		})
		if inPack {
			m.Configurations[name] = files
		}
	}
}

// licence finds the licence of an archive, "" when it has none.
func licence(files fs.FS, folder string) string {
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "META-INF/LICENSE"} {
		name = path.Join(folder, name)
		if info, err := fs.Stat(files, name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// enterLicence enters the licence of an archive, and that of what its rules come on top of.
func (m *Manifest) enterLicence(files fs.FS) {
	if name := licence(files, ""); name != "" {
		m.Licence = "see " + name
		m.licences = append(m.licences, name)
	}
	if name := licence(files, basePlace); name != "" && m.With != "" {
		m.licences = append(m.licences, name)
	}
}
