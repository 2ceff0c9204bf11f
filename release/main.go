// Command release makes what is published of a version, into a folder: archives with the program for each system, images for containers, lists
// of what is in them, and the hashes of all. The same commit makes the same bytes anywhere, with the Go release that go.mod names: `make release`.
package main

import (
	"flag"
	"fmt"
	"log"
	"strings"

	"tollgate/release/version"
)

func main() {
	log.SetFlags(0)
	r := release{say: log.Printf, sbom: true, vet: true}
	flag.StringVar(&r.root, "root", "..", "top `folder` of the repository")
	flag.StringVar(&r.out, "out", "../dist", "`folder` to write to; it must be empty")
	names := flag.String("platforms", strings.Join(platformNames(), ","), "`systems` to build for")
	dirty := flag.Bool("dirty", false, "release changes that are not committed, to try what is made")
	flag.Parse()
	if err := r.prepare(*names, *dirty); err != nil {
		log.Fatal(err)
	}
	if err := r.run(); err != nil {
		log.Fatal(err)
	}
}

func (r *release) prepare(names string, dirty bool) (err error) {
	if r.version, err = version.Of(r.root); err != nil {
		return err
	}
	if err := releasable(r.version, dirty); err != nil {
		return err
	}
	if r.files, err = version.Files(r.root); err != nil {
		return err
	}
	r.platforms, err = parsePlatforms(names)
	return err
}

// releasable refuses trees of which no other could make the same, and a tag that the changelog does not know.
func releasable(v version.Version, dirty bool) error {
	switch {
	case v.Dirty && !dirty:
		return fmt.Errorf("there are changes that are not committed; -dirty releases them all the same, as %s", v.Name)
	case v.Tagged && v.Newest != strings.FieldsFunc(v.Name, func(r rune) bool { return r == '-' || r == '+' })[0]:
		return fmt.Errorf("the tag says %s, and the newest version in CHANGELOG.md is %s", v.Name, v.Newest)
	}
	return nil
}
