package pack

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Rules of a national specification come on top of those of EN 16931, which their own archives do not have. They are
// taken from the pack that is installed, and installed once more with the others: a pack never changes under another.

// basePlace is the folder of a pack in which rules of EN 16931 lie that were taken from another.
const basePlace = ofEN16931

// base is the pack of EN 16931 that holds on a day, the newest, or nil.
func (d Dir) base(on time.Time) *Pack {
	list, err := d.List()
	if err != nil && list == nil {
		return nil
	}
	var best *Pack
	for i := range list {
		p := &list[i]
		if p.Name == ofEN16931 && p.On(on) && (best == nil || newer(&p.Manifest, &best.Manifest) > 0) {
			best = p
		}
	}
	return best
}

// baseRules are the rule files of a pack of EN 16931, by name, as they lie on top of which others come.
func baseRules(p *Pack) map[string]string {
	out := map[string]string{}
	if p == nil {
		return out
	}
	for _, d := range p.Documents {
		for _, file := range d.Rules {
			name := strings.TrimSuffix(path.Base(file), path.Ext(file))
			out[strings.TrimSuffix(name, "-preprocessed")] = path.Join(basePlace, file)
		}
	}
	return out
}

// onTop are files on top of those of a base, which lie in basePlace unless there is a file of that name.
type onTop struct{ fs, base fs.FS }

func (o *onTop) Open(name string) (fs.File, error) {
	f, err := o.fs.Open(name)
	if under, ok := strings.CutPrefix(name, basePlace+"/"); ok && errors.Is(err, fs.ErrNotExist) {
		return o.base.Open(under)
	}
	return f, err
}
