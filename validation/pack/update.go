package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ravn-ap/ravn/internal/textfile"
)

// maxIndex limits the size of a list of packs.
const maxIndex = 1 << 20

// Index is a list of packs that are offered for download.
type Index struct {
	Packs []Offer `json:"packs"`
}

// Offer is one pack of an Index.
type Offer struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	URL       string `json:"url"`    // may be relative to the index
	SHA256    string `json:"sha256"` // of the archive, in hex
	ValidFrom string `json:"valid_from,omitempty"`
	ValidTo   string `json:"valid_to,omitempty"`
}

// Update is what happened to an Offer.
type Update struct {
	Offer
	Installed bool   `json:"installed"`       // by this call
	Error     string `json:"error,omitempty"` // why it could not be
}

// Update installs the packs of the list at an address that are not in the folder yet. A pack that cannot be installed
// is reported with the reason; the others are installed all the same. If o.SHA256 is set, the list must have that hash;
// each archive must have the hash given in the list.
func (d Dir) Update(from string, o Options) ([]Update, error) {
	text, err := o.Fetch(from, maxIndex)
	if err != nil {
		return nil, err
	}
	if sum := hash(text); o.SHA256 != "" && !strings.EqualFold(o.SHA256, sum) {
		return nil, fmt.Errorf("pack: the SHA-256 of %s is %s, not the one that was asked for", from, sum)
	}
	ix, err := readIndex(text, from)
	if err != nil {
		return nil, err
	}
	var out []Update
	for _, offer := range ix.Packs {
		u := Update{Offer: offer}
		if u.Installed, err = d.installOffer(&offer, o); err != nil {
			u.Error = err.Error()
		}
		out = append(out, u)
	}
	return out, nil
}

// readIndex reads a list of packs and makes their addresses complete.
func readIndex(text []byte, from string) (*Index, error) {
	var ix Index
	if err := json.Unmarshal(textfile.Clean(text), &ix); err != nil {
		return nil, fmt.Errorf("pack: %s is not a list of packs: %w", from, err)
	}
	base, err := url.Parse(from)
	if err != nil {
		return nil, err
	}
	if len(ix.Packs) == 0 {
		return nil, fmt.Errorf("pack: %s lists no packs", from)
	}
	for i := range ix.Packs {
		p := &ix.Packs[i]
		at, err := url.Parse(p.URL)
		switch {
		case !nameForm.MatchString(p.Name) || !nameForm.MatchString(p.Version):
			return nil, fmt.Errorf("pack: entry %d of %s has no name or version that could be a folder's", i+1, from)
		case len(p.SHA256) != 64:
			return nil, fmt.Errorf("pack: entry %d of %s has no SHA-256", i+1, from)
		case err != nil || p.URL == "":
			return nil, fmt.Errorf("pack: entry %d of %s has no address", i+1, from)
		}
		p.URL = base.ResolveReference(at).String()
	}
	return &ix, nil
}

// installOffer installs one pack unless it is installed already.
func (d Dir) installOffer(offer *Offer, o Options) (bool, error) {
	there, err := openPack(folder(filepath.Join(string(d), offer.Name, offer.Version)))
	switch {
	case err == nil && strings.EqualFold(there.SHA256, offer.SHA256):
		return false, nil
	case err == nil:
		return false, fmt.Errorf(
			"pack: the installed %s %s has another SHA-256 than the one in the list; "+
				"remove it first if the list is right",
			offer.Name, offer.Version)
	case !errors.Is(err, os.ErrNotExist):
		return false, err
	}
	o.Name, o.Version, o.SHA256 = offer.Name, offer.Version, offer.SHA256
	o.ValidFrom, o.ValidTo = offer.ValidFrom, offer.ValidTo
	_, err = d.Install(offer.URL, o)
	return err == nil, err
}
