package image

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"tollgate/release/pack"
)

// Image is what an image is made of.
type Image struct {
	Config       v1.Config
	Architecture string
	Program      []byte
	Tag          string    // its name is tollgate:Tag
	Created      time.Time // of all that is in it
}

// user is the user and group of the gateway, and whose folders of the image are.
const user = 65532

// files are those that the first stage of deploy/Dockerfile makes.
func files(program, authorities []byte) []pack.Entry {
	entries := []pack.Entry{
		pack.File("usr/bin/tollgate", 0o755, program), pack.File("etc/ssl/certs/ca-certificates.crt", 0o644, authorities),
		own("var/lib/tollgate"), own("run/tollgate"),
	}
	for _, folder := range []string{"etc", "etc/ssl", "etc/ssl/certs", "etc/tollgate", "run", "usr", "usr/bin", "var", "var/lib"} {
		entries = append(entries, pack.Folder(folder, 0o755))
	}
	return entries
}

func own(folder string) pack.Entry {
	e := pack.Folder(folder, 0o700)
	e.UID, e.GID = user, user
	return e
}

// WriteArchive writes an image as the archive of an OCI layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). It has
// the list of Docker's archives besides, as `docker save` writes it, for versions of `docker load` that do not know the layout.
func (i Image) WriteArchive(w io.Writer) error {
	made, err := i.make()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tollgate-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) // what is left is no part of the result
	entries, err := i.layOut(dir, made)
	if err != nil {
		return err
	}
	return pack.Tar(w, i.Created, entries)
}

func (i Image) make() (v1.Image, error) {
	roots, err := authorities()
	if err != nil {
		return nil, err
	}
	var contents bytes.Buffer
	if err := pack.Tar(&contents, i.Created, files(i.Program, roots)); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(contents.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	made, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: i.Created}, Comment: "tollgate " + i.Tag}})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(made, i.configFile(made))
}

// configFile returns the description of the image beside that of its layer.
func (i Image) configFile(made v1.Image) *v1.ConfigFile {
	file, err := made.ConfigFile()
	if err != nil {
		panic(err) // it was made in memory
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config, file.Created = "linux", i.Architecture, i.Config, v1.Time{Time: i.Created}
	return file
}

func (i Image) layOut(dir string, made v1.Image) ([]pack.Entry, error) {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return nil, err
	}
	name := "tollgate:" + i.Tag
	if err := path.AppendImage(made, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: i.Architecture}), layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": i.Tag, "io.containerd.image.name": "docker.io/library/" + name,
	})); err != nil {
		return nil, err
	}
	list, err := dockerList(name, made)
	if err != nil {
		return nil, err
	}
	entries, err := pack.Tree(dir, "", nil)
	return append(entries, pack.File("manifest.json", 0o644, list)), err
}

// dockerList returns the file that says, in archives of Docker, which file is what.
func dockerList(name string, made v1.Image) ([]byte, error) {
	manifest, err := made.Manifest()
	if err != nil {
		return nil, err
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	one := tarball.Descriptor{Config: blob(manifest.Config.Digest), RepoTags: []string{name}}
	for _, layer := range manifest.Layers {
		one.Layers = append(one.Layers, blob(layer.Digest))
	}
	return json.Marshal(tarball.Manifest{one})
}
