// Command screenshots writes pictures of all review pages, in both languages and both themes, wide and narrow, of a fixed log at a fixed time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"tollgate/e2e/browser"
	"tollgate/internal/words"
	"tollgate/review/reviewtest"
)

func main() {
	out := flag.String("out", "../build/screenshots", "`folder` for the pictures")
	flag.Parse()
	if err := run(context.Background(), *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string) error {
	dir, err := os.MkdirTemp("", "screenshots-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	log := filepath.Join(dir, "gateway-1")
	made := reviewtest.Log(log)
	server, err := browser.Serve(ctx, log)
	if err != nil {
		return err
	}
	defer server.Close()
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	tab, err := b.Open(server.URL)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	return all(tab, browser.Addresses(made, filepath.Base(log)), out)
}

// all takes the pictures.
func all(tab *browser.Tab, addresses []browser.Address, out string) error {
	for _, theme := range []string{"light", "dark"} {
		for _, lang := range words.Languages() {
			for _, width := range []int64{1280, 600} {
				for _, a := range addresses {
					name := fmt.Sprintf("%s-%s-%s-%d.png", a.Name, lang, theme, width)
					if err := one(tab, a.Path, theme, string(lang), width, filepath.Join(out, name)); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
			}
		}
	}
	return nil
}

func one(tab *browser.Tab, path, theme, lang string, width int64, file string) error {
	for _, step := range []func() error{
		func() error { return tab.Theme(theme) },
		func() error { return tab.Language(lang) },
		func() error { return tab.Resize(width, 900) },
		func() error { return tab.Visit(path) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	png, err := tab.Screenshot()
	if err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}
