// Command version prints which version the tree is, for those who build without `make release`: go run ./cmd/version [-flags].
package main

import (
	"flag"
	"fmt"
	"log"

	"tollgate/release/version"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", "..", "top `folder` of the repository")
	flags := flag.Bool("flags", false, "print the flags of the linker by which the program knows its version")
	flag.Parse()
	v, err := version.Of(*root)
	if err != nil {
		log.Fatal(err)
	}
	if *flags {
		fmt.Println(v.LinkerFlags())
		return
	}
	fmt.Println(v.Name)
}
