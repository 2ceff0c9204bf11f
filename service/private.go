package service

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/internal/private"
)

// privateFiles are the files that only the gateway should be able to use. It says so when others can.
type privateFiles struct {
	logger *zap.Logger

	mu    sync.Mutex
	files []config.PrivateFile
	said  map[string]string // what was logged of those that others can use, by path
}

func newPrivateFiles(files []config.PrivateFile, logger *zap.Logger) *privateFiles {
	return &privateFiles{logger: logger, files: slices.Clone(files), said: map[string]string{}}
}

// follow looks at the files of another configuration from now on, besides those that were found.
func (p *privateFiles) follow(files []config.PrivateFile) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(files)
	for _, f := range p.files {
		if f.Key == "" && !slices.ContainsFunc(all, func(known config.PrivateFile) bool { return known.Path == f.Path }) {
			all = append(all, f)
		}
	}
	p.files = all
}

// found takes what a package found out about a file of the gateway's own. One that stays open to others is looked at from
// then on.
func (p *privateFiles) found(f private.Finding) {
	if f.Tightened() {
		p.logger.Warn("others could use a file of the gateway's own; it is for its owner only again",
			zap.String("file", f.Path), zap.String("mode_found", octal(f.Mode)), zap.String("mode", octal(f.Now)))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.files, func(known config.PrivateFile) bool { return known.Path == f.Path }) {
		p.files = append(p.files, config.PrivateFile{Path: f.Path})
	}
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%#o", mode) }

// exposed describes the files that others can use now, and logs each when it is first seen and when that changes.
func (p *privateFiles) exposed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, f := range p.files {
		text := f.Exposure()
		if text == "" {
			delete(p.said, f.Path)
			continue
		}
		if all = append(all, text); p.said[f.Path] != text {
			p.said[f.Path] = text
			p.logger.Warn("others can use a private file", zap.String("what", text))
		}
	}
	return all
}
