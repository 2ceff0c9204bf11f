package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// machine is a file system with control groups.
func machine(files map[string]string) fs.FS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

const (
	mounts2   = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	mounts1   = "30 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n35 30 0:32 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory\n"
	container = "35 30 0:32 /docker/0a1b /sys/fs/cgroup/memory ro shared:15 - cgroup cgroup rw,memory\n"
	// anon, and what else counts and is not given back, are what is in use.
	stat2 = "anon 600\nfile 400\nkernel 50\ninactive_anon 600\nactive_file 100\ninactive_file 300\nfile_dirty 30\nfile_writeback 20\n"
	stat1 = "cache 400\ninactive_file 1\nactive_file 1\nhierarchical_memory_limit 2000\ntotal_inactive_file 300\ntotal_active_file 100\ntotal_dirty 30\ntotal_writeback 20\n"
)

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name   string
		files  map[string]string
		folder string
		limit  string
		inUse  string
	}{
		{"version 2, in a slice", map[string]string{
			"proc/self/cgroup": "0::/system.slice/tollgate.service\n", "proc/self/mountinfo": mounts2,
			"sys/fs/cgroup/memory.stat":              "",
			"sys/fs/cgroup/system.slice/memory.max":  "max\n",
			"sys/fs/cgroup/system.slice/memory.stat": "", "sys/fs/cgroup/system.slice/tollgate.service/memory.max": "2000\n",
			"sys/fs/cgroup/system.slice/tollgate.service/memory.stat": stat2, "sys/fs/cgroup/system.slice/tollgate.service/memory.current": "1050\n",
		}, "sys/fs/cgroup/system.slice/tollgate.service", "2000", "700"},
		{"the limit of a group above is less", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": mounts2,
			"sys/fs/cgroup/a/memory.max": "1500\n", "sys/fs/cgroup/a/memory.stat": stat2, "sys/fs/cgroup/a/memory.current": "1400",
			"sys/fs/cgroup/a/b/memory.max": "2000\n", "sys/fs/cgroup/a/b/memory.stat": "", "sys/fs/cgroup/a/b/memory.current": "1",
		}, "sys/fs/cgroup/a/b", "1500", "1050"},
		{"version 2, in a container", map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mounts2,
			"sys/fs/cgroup/memory.max": "2000\n", "sys/fs/cgroup/memory.stat": stat2, "sys/fs/cgroup/memory.current": "1050\n",
		}, "sys/fs/cgroup", "2000", "700"},
		{"a group outside of what the container sees", map[string]string{
			"proc/self/cgroup": "0::/../other\n", "proc/self/mountinfo": mounts2,
			"sys/fs/cgroup/memory.max": "2000\n", "sys/fs/cgroup/memory.stat": stat2, "sys/fs/cgroup/memory.current": "1050\n",
		}, "sys/fs/cgroup", "2000", "700"},
		{"version 1", map[string]string{
			"proc/self/cgroup": "9:name=systemd:/\n4:memory:/app\n1:cpu:/\n0::/\n", "proc/self/mountinfo": mounts1 + mounts2,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.stat": "",
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": "2000\n", "sys/fs/cgroup/memory/app/memory.stat": stat1, "sys/fs/cgroup/memory/app/memory.usage_in_bytes": "1050\n",
		}, "sys/fs/cgroup/memory/app", "2000", "700"},
		{"version 1, in a container that shows its own group alone", map[string]string{
			"proc/self/cgroup": "4:cpuset,memory:/docker/0a1b\n", "proc/self/mountinfo": container,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n", "sys/fs/cgroup/memory/memory.stat": stat1, "sys/fs/cgroup/memory/memory.usage_in_bytes": "1050\n",
		}, "sys/fs/cgroup/memory", "2000", "700"},
		{"no limit", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.stat": "",
		}, "sys/fs/cgroup/a", ErrNoLimit.Error(), ""},
		{"a limit that is none", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "12 apples\n", "sys/fs/cgroup/a/memory.stat": "",
		}, "sys/fs/cgroup/a", `"12 apples\n" is no size`, ""},
		{"a limit beyond all numbers", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "99999999999999999999\n", "sys/fs/cgroup/a/memory.stat": "",
		}, "sys/fs/cgroup/a", `"99999999999999999999\n" is no size`, ""},
		{"statistics that are none", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "2000\n", "sys/fs/cgroup/a/memory.stat": "active_file -1\n",
			"sys/fs/cgroup/a/memory.current": "100\n",
		}, "sys/fs/cgroup/a", "2000", `memory.stat: "active_file -1\n" is no size`},
		{"statistics beyond all numbers", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "2000\n",
			"sys/fs/cgroup/a/memory.stat": strings.Repeat("active_file 4611686018427387000\n", 5), "sys/fs/cgroup/a/memory.current": "100\n",
		}, "sys/fs/cgroup/a", "2000", `memory.stat: "active_file 4611686018427387000\n" is no size`},
		{"more to give back than is used", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "2000\n", "sys/fs/cgroup/a/memory.stat": stat2,
			"sys/fs/cgroup/a/memory.current": "100\n",
		}, "sys/fs/cgroup/a", "2000", "0"},
		{"more to be written than there is", map[string]string{
			"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2, "sys/fs/cgroup/a/memory.max": "2000\n", "sys/fs/cgroup/a/memory.stat": "file_dirty 500\nactive_file 1\n",
			"sys/fs/cgroup/a/memory.current": "100\n",
		}, "sys/fs/cgroup/a", "2000", "100"},
		{"memory is not counted", map[string]string{"proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": mounts2}, "the control group of the process is not mounted, or memory is not counted in it", "", ""},
		{"no groups", map[string]string{"proc/self/cgroup": "nonsense\n", "proc/self/mountinfo": mounts2}, "the process is in no control group", "", ""},
		{"no /proc", nil, "open proc/self/cgroup: file does not exist", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, err := Find(machine(test.files))
			if err != nil {
				if err.Error() != test.folder {
					t.Errorf("error %q", err)
				}
				return
			}
			if g.folder != test.folder {
				t.Errorf("folder %s", g.folder)
			}
			limit, err := g.Limit()
			if got := result(limit.Bytes, err); got != test.limit {
				t.Errorf("limit %s", got)
			}
			if err != nil {
				return
			}
			if got := result(limit.InUse()); got != test.inUse {
				t.Errorf("in use %s", got)
			}
		})
	}
}

func result(bytes uint64, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(bytes)
}

// TestThisMachine reads what there is here, with its real files.
func TestThisMachine(t *testing.T) {
	g, err := Find(os.DirFS("/"))
	if err != nil {
		t.Logf("this machine has no control group for memory: %v", err)
		return
	}
	limit, err := g.Limit()
	if errors.Is(err, ErrNoLimit) {
		limit = Limit{1, g, g.folder}
	} else if err != nil {
		t.Fatal(err)
	}
	usage, err := limit.Usage()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the topmost group of version 2 has none
		t.Fatal(err)
	}
	if inUse, err := limit.InUse(); err == nil && inUse > 2*usage+64<<20 {
		t.Errorf("%d bytes are in use of %d", inUse, usage)
	}
}

// FuzzStatistics holds what is read of statistics against another reader.
func FuzzStatistics(f *testing.F) {
	f.Add(stat1, false)
	f.Add(stat2, true)
	f.Add("active_file", true)
	f.Add("active_file 1 2\n\ninactive_file  3\nfile_dirty 9", true)
	f.Fuzz(func(t *testing.T, text string, second bool) {
		v := version1
		if second {
			v = version2
		}
		free, err := v.free(text)
		want, ok := expected(text, v)
		if ok != (err == nil) || ok && free != want {
			t.Errorf("%d (%v), want %d (%v)", free, err, want, ok)
		}
	})
}

func expected(text string, v version) (uint64, bool) {
	var totals [2]uint64
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 2<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		for i, names := range [][]string{v.reclaimable, v.dirty} {
			if !slices.Contains(names, name) {
				continue
			}
			n, err := strconv.ParseUint(value, 10, 62)
			if totals[i] += n; err != nil || totals[i] >= unlimited {
				return 0, false
			}
		}
	}
	if totals[1] > totals[0] {
		return 0, true
	}
	return totals[0] - totals[1], true
}

// FuzzFind: what is opened is in a mount, also if the kernel were to write nonsense.
func FuzzFind(f *testing.F) {
	f.Add("0::/a/b\n", mounts2)
	f.Add("4:memory:/docker/0a1b\n0::/\n", container+mounts1)
	f.Add("0::/../../etc\n", mounts2)
	f.Fuzz(func(t *testing.T, groups, mounts string) {
		name, v, err := memoryGroup(groups)
		if err != nil {
			return
		}
		for _, m := range memoryMounts(mounts, v) {
			if folder := m.folder(name); folder != m.point && m.point != "" && !strings.HasPrefix(folder, m.point+"/") {
				t.Errorf("%s is not in %s", folder, m.point)
			}
		}
	})
}
