package pack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// choose decides which of the packs in a source are installed. If there is one, it is installed under the name and
// version that o gives it. Of several, o selects by name and version. What it leaves open is decided by days: those
// are installed whose first day is known, and the newest of the others, since nothing says when an older one held.
func (d Dir) choose(list []*Manifest, o *Options) (*Installation, error) {
	if len(list) == 1 {
		return &Installation{Packs: list}, nil
	}
	chosen, err := asked(list, o)
	if err != nil {
		return nil, err
	}
	if len(chosen) > 1 && o.ValidFrom+o.ValidTo != "" {
		return nil, fmt.Errorf(
			"pack: there are several packs in it: %s; name the one whose days you give with --name and --release",
			namesOf(chosen))
	}
	in := &Installation{Packs: chosen}
	if o.Version == "" {
		in.leaveUndated()
	}
	in.leave("installed already", func(m *Manifest) bool {
		_, err := os.Stat(filepath.Join(string(d), m.Name, m.Version))
		return err == nil
	})
	if len(in.Packs) == 0 {
		return nil, errors.New("pack: everything in it is installed already")
	}
	o.Name, o.Version = "", "" // they have chosen, they do not rename
	return in, nil
}

// asked returns the packs that the options name.
func asked(list []*Manifest, o *Options) ([]*Manifest, error) {
	var out []*Manifest
	for _, m := range list {
		if (o.Name == "" || m.Name == o.Name) && (o.Version == "" || m.Version == o.Version) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		wanted := strings.TrimSpace(o.Name + " " + o.Version)
		return nil, fmt.Errorf("pack: there is no %s in it, only %s", wanted, namesOf(list))
	}
	return out, nil
}

// leaveUndated leaves out the versions that nothing would choose by the day.
func (in *Installation) leaveUndated() {
	newer := func(m *Manifest, dated bool) bool { // there is a version that is newer
		return slices.ContainsFunc(in.Packs, func(o *Manifest) bool {
			return o.Name == m.Name && (o.ValidFrom != "") == dated && compareVersions(o.Version, m.Version) > 0
		})
	}
	dated := func(m *Manifest) bool {
		return slices.ContainsFunc(in.Packs, func(o *Manifest) bool { return o.Name == m.Name && o.ValidFrom != "" })
	}
	in.leave("the day from which it holds is not known: install it with --name, --release and --valid-from",
		func(m *Manifest) bool { return m.ValidFrom == "" && dated(m) && !newer(m, true) })
	in.leave("an older release, and when it held is not known",
		func(m *Manifest) bool { return m.ValidFrom == "" && newer(m, false) })
}

// leave takes out the packs for which the reason holds.
func (in *Installation) leave(why string, holds func(*Manifest) bool) {
	var kept []*Manifest
	for _, m := range in.Packs {
		if !holds(m) {
			kept = append(kept, m)
			continue
		}
		n := len(in.LeftOut)
		if n == 0 || in.LeftOut[n-1].Name != m.Name || in.LeftOut[n-1].Why != why {
			in.LeftOut = append(in.LeftOut, LeftOut{Name: m.Name, Why: why})
			n++
		}
		in.LeftOut[n-1].Versions = append(in.LeftOut[n-1].Versions, m.Version)
	}
	in.Packs = kept
}

func namesOf(list []*Manifest) string {
	var out []string
	for _, m := range list {
		out = append(out, m.Name+" "+m.Version)
	}
	return strings.Join(out, ", ")
}
