package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// nsScenarios is the namespace of the file with which KoSIT's validator is configured.
const nsScenarios = "http://www.xoev.de/de/validator/framework/1/scenarios"

// scenarioFiles are where it lies: in an archive, and in a repository that was built. What lies at the top of a
// repository is the template of it.
var scenarioFiles = []string{"build/scenarios.xml", "scenarios.xml"}

var (
	// configuration is its name, with the release of XRechnung.
	configuration = regexp.MustCompile(`^Validator Configuration XRechnung ([0-9]+(?:\.[0-9]+)+)$`)
	// configurationRelease is the first heading of its changelog.
	configurationRelease = regexp.MustCompile(`^\n## v?(` + dayForm + `)[ \t]*\r?\n`)
	// matchedRoot and matchedID are what the condition of a scenario speaks of.
	matchedRoot = regexp.MustCompile(`(?:^|[(\s])/([\w.-]+):([\w.-]+)`)
	matchedID   = regexp.MustCompile(`'(urn:cen\.eu:en16931:2017[^']*)'`)
)

// configLevels are the flags of levels in a scenario. What is information cannot make a document invalid.
var configLevels = map[string]string{"error": "fatal", "warning": "warning", "information": "warning"}

// fromScenarios makes a manifest of KoSIT's configuration for XRechnung, which has schemas, the rules of EN 16931 and
// those of XRechnung. It is nil when there is none.
func fromScenarios(files fs.FS, names []string) (*Manifest, error) {
	for _, file := range scenarioFiles {
		text, err := readStart(files, file, maxReleaseFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := configured(files, path.Dir(file), text, names)
		if err != nil {
			err = fmt.Errorf("pack: %s: %w", file, err)
		}
		return m, err
	}
	return nil, nil
}

func configured(files fs.FS, dir string, text []byte, names []string) (*Manifest, error) {
	doc, err := safe.Parse(text, safe.Document)
	if err != nil {
		return nil, err
	}
	top := doc.Top()
	name := childText(top, "name")
	if !top.Is(nsScenarios, "scenarios") || !strings.HasPrefix(name, "Validator Configuration XRechnung") {
		return nil, nil // of something else
	}
	spec := configuration.FindStringSubmatch(name)
	if spec == nil {
		return nil, fmt.Errorf("%q names no release of XRechnung: it is the template of which the build makes a "+
			"configuration; install what the build publishes", name)
	}
	m := &Manifest{Name: ofXRechnung}
	for _, s := range top.Elements() {
		if !s.Is(nsScenarios, "scenario") {
			continue
		}
		if err := m.addScenario(files, dir, s); err != nil {
			line, _ := s.Pos()
			return nil, fmt.Errorf("line %d: the scenario %q: %w", line, childText(s, "name"), err)
		}
	}
	released, err := namedIn(files, path.Join(dir, "CHANGELOG.md"), "\n## ", configurationRelease, "$1")
	if err != nil {
		return nil, err
	}
	list := []stated{{released, path.Join(dir, "CHANGELOG.md"), true}}
	for _, n := range slices.Backward(names) {
		list = append(list, stated{m.ordinal(versionNamed(n)), "the name " + n, true})
	}
	// What the file itself has is the day on which it was built, some days after that of the release.
	list = slices.DeleteFunc(list, func(f stated) bool { return !isDay(f.version) })
	if built := childText(top, "date"); len(list) == 0 && isDay(built) {
		list = append(list, stated{built, "scenarios.xml", true})
	}
	m.decide(list)
	m.Version = strings.TrimSuffix(spec[1]+"-"+m.Version, "-")
	m.enterLicence(files)
	return m, nil
}

// addScenario adds the document types of a scenario. Those of EN 16931 itself have a pack of their own.
func (m *Manifest) addScenario(files fs.FS, dir string, s safe.Node) error {
	match := childText(s, "match")
	root := matchedRoot.FindStringSubmatch(match)
	ids := matchedID.FindAllStringSubmatch(match, -1)
	if root == nil || len(ids) == 0 {
		return fmt.Errorf("the condition %q is not understood", match)
	}
	d := Document{Title: childText(s, "name"), Levels: map[string]string{}}
	space, version := "", "2.1"
	if root[2] == "CrossIndustryInvoice" {
		version = "D16B"
	}
	for _, e := range s.Elements() {
		location := resource(e)
		switch e.Name().Local {
		case "namespace":
			if prefix, _ := e.Attr("", "prefix"); prefix == root[1] {
				space = e.Text()
			}
			continue
		case "validateWithXmlSchema":
			d.XSD = path.Join(dir, location)
		case "validateWithSchematron":
			d.Rules = append(d.Rules, path.Join(dir, location))
		case "createReport":
			if err := d.addLevels(e); err != nil {
				return err
			}
			continue
		default:
			continue
		}
		if err := d.addLevels(e); err != nil {
			return err
		}
		if _, err := fs.Stat(files, path.Join(dir, location)); err != nil {
			return fmt.Errorf("%s is missing: %w", location, err)
		}
	}
	if space == "" {
		return fmt.Errorf("the prefix %s of the condition is not declared", root[1])
	}
	for _, id := range ids {
		if id[1] == cenID {
			continue
		}
		d.DocType = space + "::" + root[2] + "##" + id[1] + "::" + version
		m.Documents = append(m.Documents, d)
	}
	return nil
}

// addLevels adds the levels that stand in an element.
func (d *Document) addLevels(e safe.Node) error {
	for _, c := range e.Elements() {
		if !c.Is(nsScenarios, "customLevel") {
			continue
		}
		level, _ := c.Attr("", "level")
		flag, ok := configLevels[level]
		if !ok {
			return fmt.Errorf("the level %q is not known", level)
		}
		for _, rule := range strings.Fields(c.Text()) {
			d.Levels[rule] = flag
		}
	}
	return nil
}

// resource is the location in an element that names one.
func resource(e safe.Node) string {
	r, _ := e.Child(nsScenarios, "resource")
	if r.IsZero() {
		return ""
	}
	return childText(r, "location")
}

// childText is the text of a child, without the blanks around it.
func childText(n safe.Node, name string) string {
	c, ok := n.Child(nsScenarios, name)
	if !ok {
		return ""
	}
	return strings.TrimSpace(c.Text())
}
