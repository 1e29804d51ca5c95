package pickup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// Endings of the files beside a document NAME.
const (
	sideEnding    = ".json"          // its side file in the folder replaces the extension: NAME.xml has NAME.json
	metaEnding    = ".metadata.json" // the side file after it was taken: NAME.xml.metadata.json
	statusEnding  = ".status.json"
	outcomeEnding = ".json"
	receiptEnding = ".receipt.xml"
	takingEnding  = ".taking" // of a hidden file: somebody is about to take the document
)

// longestName leaves room for endings and numbers within the 255 bytes that a name may have.
const longestName = 200

// ignored reports whether a file in the folder is never looked at: hidden ones, those that are being written under such
// a name, and side files, which are looked at with their document.
func ignored(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(name, ".") || strings.HasSuffix(lower, ".tmp") || strings.HasSuffix(lower, ".part") ||
		strings.HasSuffix(lower, sideEnding)
}

// split cuts a name before its extension.
func split(name string) (stem, ext string) {
	ext = filepath.Ext(name)
	return strings.TrimSuffix(name, ext), ext
}

// sideOf is the name of the side file of a document in the folder.
func sideOf(name string) string {
	stem, _ := split(name)
	return stem + sideEnding
}

// In Pending, a document whose name is taken by an earlier one that is still on its way gets a number, a~1.xml. So that
// no other name looks like that, a name that does gets a number as well: a~1.xml becomes a~1~0.xml. The original, which
// is part of the key, can always be told from the name alone.
var numbered = regexp.MustCompile(`~\d+$`)

func pendingName(name string, k int) string {
	stem, ext := split(name)
	if k > 0 || numbered.MatchString(stem) {
		return fmt.Sprintf("%s~%d%s", stem, k, ext)
	}
	return name
}

func originalName(pending string) string {
	stem, ext := split(pending)
	if at := numbered.FindStringIndex(stem); at != nil {
		return stem[:at[0]] + ext
	}
	return pending
}

// isDocument reports whether a name in Pending is that of a document.
func isDocument(name string) bool { return !ignored(name) }

// mostNames is how many names of one form are tried.
const mostNames = 100_000

var errNoName = errors.New("no name is free")

// freePending is a name in Pending that is free, with those of the files beside it.
func (r *round) freePending(name string) (string, error) {
	for k := range mostNames {
		free := pendingName(name, k)
		if taken, err := r.taken(r.Pending, free, "", metaEnding, statusEnding); err != nil || !taken {
			return free, err
		}
	}
	return "", errNoName
}

// freeTarget is a name in Done or Failed that is free for a document, with those of the files beside it: NAME-1.xml if
// NAME.xml is taken (OPS-041).
func (r *round) freeTarget(dir, name, from string) (string, error) {
	for k := range mostNames {
		free := targetName(name, k)
		if free == "" {
			continue
		}
		taken, err := r.taken(dir, free, "", metaEnding, outcomeEnding, receiptEnding)
		if err != nil || !taken || r.root.heldFor(from, filepath.Join(dir, free)) {
			return free, err
		}
	}
	return "", errNoName
}

// targetName is the k-th name in Done or Failed for a document. "" says that it has none, because it would look like a
// file beside another document: like the receipt of a, if it is a.receipt.xml, or if it is a.metadata, whose outcome
// would have the name of the side file of a.
func targetName(name string, k int) string {
	stem, ext := split(name)
	lower, side := strings.ToLower(name), strings.TrimSuffix(metaEnding, outcomeEnding)
	switch ours := strings.HasSuffix(lower, receiptEnding) || strings.HasSuffix(lower, side); {
	case k == 0 && ours:
		return ""
	case k == 0:
		return name
	case strings.HasSuffix(lower, side):
		return fmt.Sprintf("%s-%d", name, k)
	}
	return fmt.Sprintf("%s-%d%s", stem, k, ext)
}

// taken reports whether one of the names of a document and the files beside it is taken.
func (r *round) taken(dir, name string, endings ...string) (bool, error) {
	for _, ending := range endings {
		_, err := r.root.Lstat(filepath.Join(dir, name+ending))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
	}
	return false, nil
}
