// Package image makes the image of a container without an engine: of the last stage of deploy/Dockerfile, which says how containers run, and
// of the files that its first stage makes.
package image

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// path is the search path that engines give an image which sets none.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Describe returns what the last stage of a Dockerfile says of its containers, with arguments of the build. An instruction that it does not
// know is an error, but for COPY: files come from elsewhere.
func Describe(dockerfile []byte, arguments map[string]string) (v1.Config, error) {
	tree, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return v1.Config{}, err
	}
	stages, before, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return v1.Config{}, err
	}
	d := description{
		config: v1.Config{Env: []string{path}, WorkingDir: "/", Labels: map[string]string{}}, given: given(before, arguments), declared: map[string]string{},
	}
	for _, command := range stages[len(stages)-1].Commands {
		if err := d.take(command); err != nil {
			return v1.Config{}, fmt.Errorf("%s: %w", command.Name(), err)
		}
	}
	return d.config, nil
}

// given returns the arguments of a build, and the defaults of those that stand before the first stage.
func given(before []instructions.ArgCommand, arguments map[string]string) map[string]string {
	all := map[string]string{}
	for _, command := range before {
		for _, arg := range command.Args {
			if arg.Value != nil {
				all[arg.Key] = *arg.Value
			}
		}
	}
	maps.Copy(all, arguments)
	return all
}

type description struct {
	config   v1.Config
	given    map[string]string
	declared map[string]string
}

func (d *description) take(command instructions.Command) error {
	if c, ok := command.(instructions.SupportsSingleWordExpansion); ok {
		if err := c.Expand(d.expand); err != nil {
			return err
		}
	}
	switch c := command.(type) {
	case *instructions.ArgCommand:
		d.declare(c)
	case *instructions.CopyCommand:
	case *instructions.LabelCommand:
		for _, label := range c.Labels {
			d.config.Labels[label.Key] = label.Value
		}
	case *instructions.UserCommand:
		d.config.User = c.User
	case *instructions.ExposeCommand:
		d.config.ExposedPorts = set(c.Ports, "/tcp")
	case *instructions.VolumeCommand:
		d.config.Volumes = set(c.Volumes, "")
	case *instructions.StopSignalCommand:
		d.config.StopSignal = c.Signal
	case *instructions.HealthCheckCommand:
		h := c.Health
		d.config.Healthcheck = &v1.HealthConfig{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	case *instructions.EntrypointCommand:
		d.config.Entrypoint = c.CmdLine
	case *instructions.CmdCommand:
		d.config.Cmd = c.CmdLine
	default:
		return fmt.Errorf("not known here")
	}
	return nil
}

func (d *description) declare(c *instructions.ArgCommand) {
	for _, arg := range c.Args {
		if value, ok := d.given[arg.Key]; ok {
			d.declared[arg.Key] = value
		} else if arg.Value != nil {
			d.declared[arg.Key] = *arg.Value
		}
	}
}

func (d *description) expand(word string) (string, error) {
	expanded, unmatched, err := shell.NewLex('\\').ProcessWord(word, environment(d.declared))
	if err == nil && len(unmatched) > 0 {
		err = fmt.Errorf("no value for %v", slices.Sorted(maps.Keys(unmatched)))
	}
	return expanded, err
}

func set(names []string, suffix string) map[string]struct{} {
	s := map[string]struct{}{}
	for _, name := range names {
		s[name+suffix] = struct{}{}
	}
	return s
}

// environment is a [shell.EnvGetter].
type environment map[string]string

func (e environment) Get(key string) (string, bool) { value, ok := e[key]; return value, ok }
func (e environment) Keys() []string                { return slices.Collect(maps.Keys(e)) }
