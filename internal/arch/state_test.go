package arch

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"testing"
)

// stateful are package-level variables that change while the program runs, each with the reason why it may.
var stateful = map[string]string{
	"certs/localca shared": "a test CA per process, made once",
}

// Nothing is global (style.md habit 6): two servers run inside one test. What is seen: assignments to a package-level
// variable, its elements and fields, ++, delete, clear, copy, sorting in place and taking its address, in any function
// but init; and variables whose type is made to change, of sync and sync/atomic, but for pools and what is computed
// once. What is not seen: changes behind another name for the same map, slice or pointer, and those of methods.
func TestNoGlobalState(t *testing.T) {
	found := map[string]bool{}
	for _, p := range packages(t) {
		for _, s := range states(t, p.Dir, p.GoFiles) {
			name := p.Room() + " " + s.name
			if stateful[name] == "" {
				t.Errorf("%s: %s", s.at, s.what)
			}
			found[name] = true
		}
	}
	for name := range maps.Keys(stateful) {
		if !found[name] {
			t.Errorf("%s does not change any more: take it from the list", name)
		}
	}
}

// The test above sees what it says.
func TestStatesAreSeen(t *testing.T) {
	got := map[string]bool{}
	for _, s := range states(t, "testdata", []string{"state.go"}) {
		got[s.name] = true
	}
	want := []string{
		"address", "assigned", "atomicCount", "cleared", "closure", "copied", "counted", "deleted", "element", "field",
		"locked", "nested", "other.Exported", "pointed", "ranged", "sorted", "syncMap",
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("seen: %v\nwant: %v", names, want)
	}
}

// state is a place where a package-level variable changes.
type state struct{ name, at, what string }

// seer looks for changes in one package. Packages it imports are not read, so types from there are not known.
type seer struct {
	fset *token.FileSet
	info *types.Info
	pkg  *types.Package
	out  []state
}

func states(t *testing.T, dir string, files []string) []state {
	t.Helper()
	s := &seer{fset: token.NewFileSet(), info: &types.Info{Uses: map[*ast.Ident]types.Object{}}}
	var parsed []*ast.File
	for _, name := range files {
		f, err := parser.ParseFile(s.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	conf := types.Config{Importer: nobody{}, Error: func(error) {}, DisableUnusedImportCheck: true}
	s.pkg, _ = conf.Check(dir, s.fset, parsed, s.info) // fails: nothing is imported; names are resolved all the same
	for _, f := range parsed {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil || d.Name.Name != "init" {
					ast.Inspect(d, s.statement)
				}
			case *ast.GenDecl:
				s.declared(d)
			}
		}
	}
	return s.out
}

type nobody struct{}

func (nobody) Import(string) (*types.Package, error) { return nil, errors.New("not read") }

// declared finds variables of types that are made to change.
func (s *seer) declared(d *ast.GenDecl) {
	if d.Tok != token.VAR {
		return
	}
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		ast.Inspect(v, func(n ast.Node) bool {
			if _, ok := n.(*ast.FuncLit); ok { // runs when the variable is made
				return false
			}
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			if pkg != nil && (pkg.Name == "sync" && !slices.Contains(pure, sel.Sel.Name) || pkg.Name == "atomic") {
				s.found(v.Names[0], v.Names[0].Name, "is a "+pkg.Name+"."+sel.Sel.Name)
			}
			return true
		})
	}
}

// pure are the parts of package sync that keep nothing, or one value for ever.
var pure = []string{"Pool", "OnceFunc", "OnceValue", "OnceValues"}

// inPlace are functions that change their first argument.
var inPlace = []string{
	"slices.Sort", "slices.SortFunc", "slices.SortStableFunc", "slices.Reverse", "maps.Copy", "maps.DeleteFunc",
	"maps.Insert", "sort.Slice", "sort.SliceStable", "sort.Sort", "sort.Strings",
}

func (s *seer) statement(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, left := range n.Lhs {
			if n.Tok != token.DEFINE {
				s.changed(left, "is assigned")
			}
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			s.changed(n.Key, "is assigned")
			s.changed(n.Value, "is assigned")
		}
	case *ast.IncDecStmt:
		s.changed(n.X, "is counted")
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			s.changed(n.X, "has its address taken")
		}
	case *ast.CallExpr:
		if fn := types.ExprString(n.Fun); len(n.Args) > 0 &&
			slices.Contains(append(inPlace, "delete", "clear", "copy"), fn) {
			s.changed(n.Args[0], "is changed by "+fn)
		}
	}
	return true
}

// changed reports an expression that is a package-level variable, or part of one.
func (s *seer) changed(e ast.Expr, how string) {
	for e != nil {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				if _, ok := s.info.Uses[id].(*types.PkgName); ok {
					s.found(x, id.Name+"."+x.Sel.Name, how)
					return
				}
			}
			e = x.X
		case *ast.Ident:
			if v, ok := s.info.Uses[x].(*types.Var); ok && v.Parent() == s.pkg.Scope() {
				s.found(x, x.Name, how)
			}
			return
		default:
			return
		}
	}
}

func (s *seer) found(n ast.Node, name, how string) {
	what := fmt.Sprintf("the package-level variable %s %s", name, how)
	s.out = append(s.out, state{name, s.fset.Position(n.Pos()).String(), what})
}
