// Command screenshots writes pictures of all review pages, in both languages and both themes, wide and narrow, of a fixed log at a fixed time. With
// -commit it writes those that the README shows, small enough for a repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"tollgate/e2e/browser"
	"tollgate/internal/words"
	"tollgate/review/reviewtest"
)

// picture is what one picture shows, and how.
type picture struct {
	page, theme   string
	lang          words.Language
	width, height int64 // height 0: the whole page
}

func (p picture) name() string {
	return fmt.Sprintf("%s-%s-%s-%d.png", p.page, p.lang, p.theme, p.width)
}

// shown are the pictures of the README.
var shown = []picture{
	{"inbox", "light", words.English, 1280, 1000},
	{"month", "light", words.English, 1280, 1200},
	{"month", "dark", words.Chinese, 1280, 1200},
	{"calls", "light", words.Chinese, 1280, 900},
	{"call-paid", "dark", words.English, 1280, 1200},
	{"access", "light", words.English, 1280, 1000},
	{"log", "dark", words.English, 1280, 1000},
	{"inbox", "light", words.Chinese, 600, 1000},
}

func main() {
	out := flag.String("out", "../build/screenshots", "`folder` for the pictures")
	commit := flag.Bool("commit", false, "write those that the README shows into ../docs/screenshots")
	flag.Parse()
	pictures, encode := all, func(png []byte) ([]byte, error) { return png, nil }
	if *commit {
		*out, pictures, encode = "../docs/screenshots", func([]browser.Address) []picture { return shown }, small
	}
	if err := run(context.Background(), *out, pictures, encode); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// all returns all pictures there are of pages.
func all(addresses []browser.Address) (list []picture) {
	for _, theme := range []string{"light", "dark"} {
		for _, lang := range words.Languages() {
			for _, width := range []int64{1280, 600} {
				for _, a := range addresses {
					list = append(list, picture{a.Name, theme, lang, width, 0})
				}
			}
		}
	}
	return list
}

// run takes pictures into a folder.
func run(ctx context.Context, out string, pictures func([]browser.Address) []picture, encode func([]byte) ([]byte, error)) (err error) {
	dir, err := os.MkdirTemp("", "screenshots-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil { // the page of the log shows where it is
		return err
	}
	const log = "gateway-1"
	made := reviewtest.Log(log)
	site, err := browser.Serve(ctx, log)
	if err != nil {
		return err
	}
	defer site.Close()
	addresses, err := site.Addresses(made)
	if err != nil {
		return err
	}
	paths := map[string]string{}
	for _, a := range addresses {
		paths[a.Name] = a.Path
	}
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	tab, err := b.Open(site.URL)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, p := range pictures(addresses) {
		if err := p.take(tab, paths[p.page], encode, out); err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	return nil
}

// take takes a picture of the page at a path.
func (p picture) take(tab *browser.Tab, path string, encode func([]byte) ([]byte, error), out string) error {
	shot := tab.Screenshot
	if p.height > 0 {
		shot = tab.Window
	}
	for _, step := range []func() error{
		func() error { return tab.Theme(p.theme) },
		func() error { return tab.Language(string(p.lang)) },
		func() error { return tab.Resize(p.width, max(p.height, 900)) },
		func() error { return tab.Visit(path) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	png, err := shot()
	if err == nil {
		png, err = encode(png)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, p.name()), png, 0o644)
}
