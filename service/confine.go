package service

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/config"
	"tollgate/internal/confine"
	"tollgate/internal/durable"
	"tollgate/internal/osfile"
)

// confined is what the process may use of the file system; the zero value: what its user may.
type confined struct {
	set    *confine.Set // nil: not confined
	result confine.Result
	mode   string
}

// confine drops the access to all files that the configuration does not name, if it says so. What the standard library reads once and remembers is read before.
func (s *Service) confine(c *config.Config) error {
	if !c.Hardening.On() {
		return nil
	}
	_, _ = x509.SystemCertPool() // a verification that needs it says what is wrong
	set, err := confine.NewSet(append(c.Needs, s.adminNeeds(c)...))
	if err != nil {
		return err
	}
	var groups []string
	if s.pressure.group != nil {
		groups = append(groups, s.pressure.group.Folder())
	}
	set.AddSystem(groups...)
	result, err := confine.Apply(c.Hardening.Landlock, set)
	if err != nil {
		return err
	}
	s.confined = confined{result: result, mode: c.Hardening.Landlock}
	if result.InForce() {
		s.confined.set = set
	}
	s.confined.log(s.logger)
	return nil
}

// adminNeeds is the folder in which the admin socket will be, where the configuration names none: the first that can be written to.
func (s *Service) adminNeeds(c *config.Config) []confine.Need {
	if c.Admin == nil || c.Admin.Socket != "" {
		return nil
	}
	for _, path := range admin.Places(c.Admin, c.File, s.secrets.LookupEnv) {
		folder := filepath.Dir(path)
		if durable.MakeDir(folder, 0o700) == nil && osfile.Writable(folder) {
			return []confine.Need{{Path: folder, Key: "admin.socket", Write: true, Folder: true}}
		}
	}
	return nil
}

func (c *confined) log(logger *zap.Logger) {
	without := zap.Strings("without", c.result.Without)
	if c.set == nil {
		logger.Warn("files are not restricted: this kernel cannot", zap.Int("abi", c.result.ABI), without)
		return
	}
	read, write := c.set.Folders()
	logger.Info("the process has dropped its access to all files but those of some folders", zap.Int("abi", c.result.ABI), zap.Strings("read", read), zap.Strings("write", write), without)
}

// allows is for [config.Options].
func (c *confined) allows() func(path string, write bool) bool {
	if c.set == nil {
		return nil
	}
	return c.set.Allows
}

// notes say what the kernel could not take away.
func (c *confined) notes() []string {
	switch {
	case c.mode == "" || len(c.result.Without) == 0:
		return nil
	case c.set == nil:
		return []string{fmt.Sprintf("hardening.landlock is %s, and files are not restricted: this kernel has ABI %d", c.mode, c.result.ABI)}
	}
	return []string{fmt.Sprintf("hardening.landlock is %s, and this kernel (ABI %d) does not restrict: %s", c.mode, c.result.ABI, strings.Join(c.result.Without, ", "))}
}

// resolver is the file in which the standard library finds the servers that know names.
const resolver = "/etc/resolv.conf"

// warnings say that a file of the system was replaced by one that is not allowed: without its servers no name is found.
func (c *confined) warnings() []string {
	if c.set == nil {
		return nil
	}
	f, err := os.Open(resolver)
	if err == nil {
		_ = f.Close() // opened for reading
	} else if os.IsPermission(err) {
		return []string{resolver + " was replaced and cannot be read (hardening.landlock): restart the gateway, and see hardening.md"}
	}
	return nil
}
