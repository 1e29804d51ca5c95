// Package arch holds the import table of the project: which room may use which, and in which room a dependency lives.
// Its tests hold the program against the table, and docs/architecture.md is written from it.
package arch

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

const module = "github.com/ravn-ap/ravn/"

// Package is what go list says of a package of this project.
type Package struct {
	ImportPath string
	Dir        string
	Doc        string // the first sentence of its comment
	GoFiles    []string
	Imports    []string
}

// Room is the name of the package in the table.
func (p *Package) Room() string { return strings.TrimPrefix(p.ImportPath, module) }

// Packages lists the packages of the module in a folder.
func Packages(dir string) ([]Package, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,GoFiles,Imports", "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("arch: go list: %w", err)
	}
	var list []Package
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p Package
		if err := dec.Decode(&p); err != nil {
			return nil, fmt.Errorf("arch: go list: %w", err)
		}
		list = append(list, p)
	}
	return list, nil
}
