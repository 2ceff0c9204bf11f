package confine

// What `landlock` may be.
const (
	Off     = "off"
	Try     = "try"
	Require = "require"
)

// Config is `hardening`: what the gateway takes away from itself when it starts.
type Config struct {
	// Whether the gateway drops, at its start, its access to all files that this configuration does not name (Landlock). `require`: it does not start
	// where the kernel cannot do that (Linux before 6.2). `try`: it does what the kernel can, and the log and readiness say what it cannot.
	// `off`: the gateway reaches what its user does. While it is not `off`, a reload that names a file outside of the folders of the start is
	// refused.
	Landlock string `yaml:"landlock" choice:"off|try|require" reload:"restart"`
	// What the gateway may use besides: for files that a later reload is to name, and where links will lead.
	Paths []Extra `yaml:"paths" reload:"restart"`
}

// Default returns the defaults of the section.
func (Config) Default() Config { return Config{Landlock: Off} }

// On reports whether the process is to be confined.
func (c *Config) On() bool { return c.Landlock == Try || c.Landlock == Require }

// Extra is one entry of `paths` of `hardening`.
type Extra struct {
	// A folder, with all that is below it. Of a file, its folder.
	Path string `yaml:"path" need:"yes" reload:"restart"`
	// Whether files may be written, made and removed there, too.
	Write bool `yaml:"write" reload:"restart"`
}
