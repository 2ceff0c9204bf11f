package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestSystems: the program fits each other system, down to the last function of ours. Types alone are checked, which takes seconds; `make release`
// and `make soak` compile and vet.
func TestSystems(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		if p.arch == "amd64" && !p.runs() {
			t.Run(p.os, func(t *testing.T) { checkTypes(t, root, p) })
		}
	}
}

func checkTypes(t *testing.T, root string, p platform) {
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesSizes,
		Dir:  root, Env: append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+p.os, "GOARCH="+p.arch),
		ParseFile: func(fset *token.FileSet, name string, source []byte) (*ast.File, error) {
			file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
			if err == nil && !strings.HasPrefix(name, root+string(filepath.Separator)) {
				withoutBodies(file)
			}
			return file, err
		},
	}, "./cmd/proxy")
	if err != nil || len(loaded) != 1 {
		t.Fatal(loaded, err)
	}
	packages.Visit(loaded, nil, func(pkg *packages.Package) {
		for _, problem := range pkg.Errors {
			// Of a library without the bodies of its functions not all fits; where it does not fit us, our packages say so.
			if problem.Kind != packages.TypeError || strings.HasPrefix(pkg.PkgPath, "tollgate/") {
				t.Errorf("%s: %v", pkg.PkgPath, problem)
			}
		}
	})
}

// withoutBodies leaves of a library what others see of it.
func withoutBodies(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
}

// TestSettings: what is built does not depend on how Go is set on this machine, in the environment or by `go env -w`.
func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("GOFLAGS=-tags=other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"GOENV": file, "GOFLAGS": "-race", "GOFIPS140": "latest", "GOAMD64": "v3", "CGO_ENABLED": "1", "GOWORK": file} {
		t.Setenv(name, value)
	}
	r := release{root: t.TempDir()}
	out, err := r.command(platform{"linux", "amd64"}, "env", "GOFLAGS", "GOFIPS140", "GOAMD64", "CGO_ENABLED", "GOWORK").Output()
	if want := "-buildvcs=false\noff\nv1\n0\noff\n"; err != nil || string(out) != want {
		t.Errorf("%q (%v), want %q", out, err, want)
	}
}
