package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// broken is a configuration with a fault beside audit.dir.
const broken = "audit: {dir: %s}\nlisteners: 3\n"

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// found runs a command that prints the directory and the configuration that its flags lead to.
func found(t *testing.T, register func(*cobra.Command, *string), args ...string) (code int, printed, problem string) {
	t.Helper()
	value := ""
	cmd := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true}
	register(cmd, &value)
	cmd.Flags().String("bundle", "", "")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		_, err := fmt.Fprint(cmd.OutOrStdout(), value)
		return err
	}
	var out, errs bytes.Buffer
	code = Execute(t.Context(), cmd, args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestDirFlag(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	register := func(cmd *cobra.Command, dir *string) { DirFlag(cmd, dir, "bundle") }
	named := write(t, filepath.Join(home, "etc", "one.yaml"), fmt.Sprintf(broken, "log"))
	other := write(t, filepath.Join(home, "other.yaml"), fmt.Sprintf(broken, "/var/other"))
	for _, c := range []struct {
		name           string
		auditDir, conf string // of the environment
		here           string // audit.dir of ./tollgate.yaml
		args           []string
		want           string
	}{
		{"nothing", "", "", "", nil, ""},
		{"the default file", "", "", "here", nil, filepath.Join(home, "here")},
		{"the variable of the file", "", named, "here", nil, filepath.Join(home, "etc", "log")},
		{"the variable of the directory", "/var/env", named, "here", nil, "/var/env"},
		{"--config", "/var/env", named, "here", []string{"--config", other}, "/var/other"},
		{"--dir", "/var/env", named, "here", []string{"--config", other, "--dir", "d"}, "d"},
		{"an empty --dir", "/var/env", named, "here", []string{"--dir", ""}, ""},
		{"an empty --config", "/var/env", named, "here", []string{"--config", ""}, ""},
		{"another place", "/var/env", named, "here", []string{"--bundle", "b"}, ""},
	} {
		t.Setenv(EnvAuditDir, c.auditDir)
		t.Setenv(EnvConfig, c.conf)
		if err := os.RemoveAll(DefaultConfig); err != nil {
			t.Fatal(err)
		}
		if c.here != "" {
			write(t, DefaultConfig, fmt.Sprintf(broken, c.here))
		}
		if code, got, problem := found(t, register, c.args...); code != ExitOK || got != c.want {
			t.Errorf("%s: exit %d, %q, want %q\n%s", c.name, code, got, c.want, problem)
		}
	}
}

// TestDirOfBadConfiguration: a file that says no directory is an error, not an empty log.
func TestDirOfBadConfiguration(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"listeners: []\n": "audit", "audit: {dir: [1]}\n": "dir is a list", "audit: {dir: \"\"}\n": "audit", "\t": "the file is empty",
	} {
		file := write(t, filepath.Join(dir, "conf.yaml"), text)
		register := func(cmd *cobra.Command, dir *string) { DirFlag(cmd, dir) }
		if code, got, problem := found(t, register, "--config", file); code != ExitFailure || got != "" || !strings.Contains(problem, want) {
			t.Errorf("%q: exit %d, %q, %q", text, code, got, problem)
		}
	}
}

func TestConfigFlag(t *testing.T) {
	register := func(cmd *cobra.Command, file *string) { ConfigFlag(cmd, file, "bundle") }
	parent := t.TempDir()
	write(t, filepath.Join(parent, DefaultConfig), "")
	empty := filepath.Join(parent, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in, variable string
		args         []string
		want         string
	}{
		{parent, "", nil, DefaultConfig}, {parent, "e.yaml", nil, "e.yaml"}, {parent, "e.yaml", []string{"-c", "f.yaml"}, "f.yaml"},
		{parent, "e.yaml", []string{"-c", ""}, ""}, {parent, "e.yaml", []string{"--bundle", "b"}, ""},
		{empty, "", nil, ""}, // that of the parent is not looked for
	} {
		t.Chdir(c.in)
		t.Setenv(EnvConfig, c.variable)
		if code, got, problem := found(t, register, c.args...); code != ExitOK || got != c.want {
			t.Errorf("%+v: exit %d, %q\n%s", c, code, got, problem)
		}
	}
	if err := NeedConfig(""); err == nil || !strings.Contains(err.Error(), "--config FILE") || !strings.Contains(err.Error(), EnvConfig) || !strings.Contains(err.Error(), "./"+DefaultConfig) {
		t.Error(err)
	}
}

// TestDefaultConfigOfAnotherUser: in a directory to which others write, a file of theirs is not taken for the configuration.
func TestDefaultConfigOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a file of another user")
	}
	t.Setenv(EnvConfig, "")
	dir := t.TempDir()
	t.Chdir(dir)
	ours := write(t, filepath.Join(dir, "ours.yaml"), "")
	for name, make := range map[string]func() error{
		"a file": func() error { write(t, DefaultConfig, ""); return os.Chown(DefaultConfig, 12345, -1) },
		"a link": func() error { return linkOf(12345, ours) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if file, err := ConfigFile(); err == nil || file != "" || !strings.Contains(err.Error(), "another user (uid 12345)") {
			t.Errorf("%s: %q, %v", name, file, err)
		}
		if err := os.Remove(DefaultConfig); err != nil {
			t.Fatal(err)
		}
	}
}

func linkOf(user int, target string) error {
	if err := os.Symlink(target, DefaultConfig); err != nil {
		return err
	}
	return os.Lchown(DefaultConfig, user, -1)
}

// TestCheckDirNamesItsOrigin: the variable of another log, such as that of a demo that has ended, is named where its directory is not there.
func TestCheckDirNamesItsOrigin(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	t.Setenv(EnvAuditDir, gone)
	if err := CheckDir(gone); err == nil || !strings.HasPrefix(err.Error(), "audit directory of TOLLGATE_AUDIT_DIR: stat "+gone) {
		t.Error(err)
	}
	if err := CheckDir(gone + "2"); err == nil || strings.Contains(err.Error(), EnvAuditDir) {
		t.Error(err)
	}
}
