//go:build !documents

package main

import (
	"context"
	"os"

	"tollgate/internal/cli"
)

func main() {
	os.Exit(cli.Execute(context.Background(), rootCommand(), os.Args[1:], os.Stdout, os.Stderr))
}
