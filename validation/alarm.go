package validation

import (
	"fmt"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/validation/pack"
)

// AlarmKind says what an Alarm is about.
type AlarmKind string

// Kinds of alarms.
const (
	AlarmNoRules    AlarmKind = "no-rules"    // there was a document of a type for which no pack has rules
	AlarmBasic      AlarmKind = "basic-rules" // likewise, but the basic pack has some
	AlarmEnded      AlarmKind = "ended"       // the newest version of a pack is no longer valid
	AlarmUpcoming   AlarmKind = "upcoming"    // a newer version of a pack is installed but not valid yet
	AlarmUnreadable AlarmKind = "unreadable"  // an installed pack cannot be read; raised by the caller, who has tried
)

// Alarm is something about rule packs that an operator should know.
type Alarm struct {
	Kind    AlarmKind `json:"kind"`
	Pack    string    `json:"pack,omitempty"`
	Version string    `json:"version,omitempty"`
	DocType string    `json:"doctype,omitempty"`
	Process string    `json:"process,omitempty"`
	Count   int64     `json:"count,omitempty"` // documents
	Text    string    `json:"text"`
}

// Seen is a document type in the traffic.
type Seen struct {
	DocType, Process string
	Count            int64 // documents
}

// Alarms returns which document types of the traffic have no rules or only basic ones, and which packs have ended or
// begin later, on a day.
func Alarms(packs []pack.Pack, seen []Seen, on time.Time) []Alarm {
	var list []Alarm
	v := New(packs)
	for _, s := range seen {
		chosen, why := v.choose(doctype.About{}, Request{DocType: s.DocType, Process: s.Process, On: on})
		a := Alarm{DocType: s.DocType, Process: s.Process, Count: s.Count}
		switch {
		case chosen == nil:
			a.Kind = AlarmNoRules
			a.Text = fmt.Sprintf("not checked (documents: %d): %s. Install a pack for them: ravn rules install",
				s.Count, why.in(fault.English))
		case chosen.pack.Basic:
			a.Kind, a.Pack, a.Version = AlarmBasic, chosen.pack.Name, chosen.pack.Version
			a.Text = fmt.Sprintf("the type %s (documents: %d) is checked by the basic rules of %s only. "+
				"Install the official pack: ravn rules install", s.DocType, s.Count, chosen.pack.Name)
		default:
			continue
		}
		list = append(list, a)
	}
	return append(list, releaseAlarms(packs, on)...)
}

// releaseAlarms compares the versions of each pack with the day: an ended one matters only if no other version holds.
func releaseAlarms(packs []pack.Pack, on time.Time) []Alarm {
	holds := map[string]bool{}
	last := map[string]*pack.Manifest{} // the version that ended last
	day := on.UTC().Format(time.DateOnly)
	var list []Alarm
	for i := range packs {
		m := &packs[i].Manifest
		switch {
		case m.On(on):
			holds[m.Name] = true
		case m.ValidFrom > day:
			list = append(list, Alarm{
				Kind: AlarmUpcoming, Pack: m.Name, Version: m.Version,
				Text: fmt.Sprintf("%s %s is installed and holds from %s. Try it before: ravn validate --on %s",
					m.Name, m.Version, m.ValidFrom, m.ValidFrom),
			})
		case last[m.Name] == nil || last[m.Name].ValidTo < m.ValidTo:
			last[m.Name] = m
		}
	}
	for i := range packs {
		if m := &packs[i].Manifest; m == last[m.Name] && !holds[m.Name] {
			list = append(list, Alarm{
				Kind: AlarmEnded, Pack: m.Name, Version: m.Version,
				Text: fmt.Sprintf("%s %s ended on %s and no other version holds. "+
					"Install the next release: ravn rules update",
					m.Name, m.Version, m.ValidTo),
			})
		}
	}
	return list
}
