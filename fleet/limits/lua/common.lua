-- What the scripts of limits share.
--
-- Times are microseconds since 1970 by the clock of Redis. A limit is a table of what the asker configures:
--   k: its key; t: kind ("bucket", "window", "calendar"); x: true for a shadow limit
--   bucket:   r: tokens a second, b: burst
--   window:   q: calls in any time of w microseconds
--   calendar: q: calls in the period from s to e
-- and, after open, l.state, what the fleet knows of it: one packed value, which expires when it says no more than a missing one; its y is when
-- it was saved, and l.backward is true if the clock was set back since.

local now = now()

-- The first argument says how many members there are, and the names of those that may be using their shares without Redis. The others
-- have the rest of each rate.
local fleet = cjson.decode(args[1])
local members, absent = fleet.members, fleet.absent
local scale = math.max(1, members - #absent) / members

local slack = 1e-10 -- what floating point may lose between a delay and the look after it, in tokens
local slots = 32 -- of a window: calls that are sent within a slot of it share their place
local lease = 2 -- seconds that a member which has gone is taken to be there
local longest = 30e6 -- microseconds for which an upstream that refused a call gets none, at most
local keep = 600 -- seconds for which a state outlives its meaning

local bucket, window, calendar = {}, {}, {}
local kinds = {bucket = bucket, window = window, calendar = calendar}

local function open(l)
  l.key = key('limit:' .. l.k)
  local text = redis.call('GET', l.key)
  l.state = text and cmsgpack.unpack(text) or not text and {}
  if type(l.state) ~= 'table' then error('the state of limit ' .. l.k .. ' makes no sense') end
  l.missing = not text
  l.is = kinds[l.t]
  l.backward = (l.state.y or 0) > now
  return l.is.refresh(l)
end

local function save(l)
  l.state.y = now
  redis.call('SET', l.key, cmsgpack.pack(l.state), 'PX', math.ceil(((l.is.life or l.is.full)(l) / 1e6 + keep) * 1000))
end

-- A bucket's state: l: level, t: when it was so, o: tokens that came and found no room, or that were left to absent members. What was
-- taken elsewhere may be paid from those. z: when it was full and had lost nothing; absent where that is not known.

function bucket.refresh(l)
  local s = l.state
  if not s.t then
    s.l, s.t, s.o, s.z = l.b, now, 0, now
  end
  local came = math.max(0, now - s.t) / 1e6 * l.r
  local level = s.l + came * scale
  s.o = s.o + came * (1 - scale) + math.min(came * scale, math.max(0, level - l.b))
  s.l, s.t = math.min(l.b, level), now
  if l.backward and s.z then s.z = now end
end

function bucket.after(l, need) -- microseconds until there are as many calls
  local lack = need - l.state.l
  if lack <= slack then return 0 end
  return math.ceil(lack / (l.r * scale) * 1e6)
end

function bucket.take(l, n) l.state.l = l.state.l - n end
function bucket.left(l) return l.state.l end
function bucket.full(l) return bucket.after(l, l.b) end
function bucket.pace(l) return math.ceil(1e6 / (l.r * scale)) end
function bucket.seen(l) return math.ceil(l.state.o), math.floor(l.state.l * 1e6) end

-- A window's state: s: slots of calls, {first, last, calls}, the oldest first: all calls of one count as if sent with the last of them, until a
-- window later; n: when the newest was sent; p: before this no call that waits goes; f, a, u: slowed to f at a, and nothing goes until u.

-- put counts calls as sent at a time.
function window.put(l, calls, at)
  local s = l.state
  if at + l.w > now then
    local i = #s.s
    while i > 0 and s.s[i][1] > at do i = i - 1 end
    if i > 0 and at - s.s[i][1] <= l.w / slots then
      s.s[i][2], s.s[i][3] = math.max(s.s[i][2], at), s.s[i][3] + calls
    else
      table.insert(s.s, i + 1, {at, at, calls})
    end
    l.used = l.used + calls
  end
  s.n = math.max(s.n, at)
end

-- back takes back a call that was counted at a time.
function window.back(l, at)
  local s = l.state
  for i = #s.s, 1, -1 do
    local slot = s.s[i]
    if slot[1] <= at and at <= slot[2] then
      slot[3], l.used = slot[3] - 1, l.used - 1
      if slot[3] == 0 then table.remove(s.s, i) end
      return
    end
  end
end

function window.refresh(l)
  local s, before = l.state, l.state.s or {}
  s.s, s.n, l.used = {}, math.min(s.n or 0, now), 0
  if l.backward then
    s.p, s.a = nil, s.a and now
    s.u = s.u and math.min(s.u, now + longest)
  end
  for _, slot in ipairs(before) do
    local calls, last = slot[3], math.min(slot[2], now) -- the clock may have been set back
    if last + l.w > now then
      local newest = s.s[#s.s]
      if newest and #s.s >= 2 * slots then
        newest[2], newest[3] = last, newest[3] + calls
      else
        s.s[#s.s + 1] = {math.min(slot[1], last), last, calls}
      end
      l.used = l.used + calls
    end
  end
end

-- slowed is the part of the quota that an upstream which refused calls still has. It comes back by a sixteenth a second.
local function slowed(l)
  local s = l.state
  if not s.f then return 1 end
  return math.min(1, s.f + math.max(0, now - s.u) / 1e6 / 16)
end

-- room returns how many calls there is room for in how long a window: of less than one call, in a longer one.
function window.room(l)
  local quota = l.q * scale * slowed(l) + slack
  if quota < 1 then return 1, l.w / quota end
  return math.floor(quota), l.w
end

-- place is when the n-th call from now finds room, where those before it go as early as they can.
function window.place(l, n, calls, each)
  local s = l.state
  local before = math.floor((n - 1) / calls) * each
  local missing = (n - 1) % calls + 1 + l.used - calls
  if each > l.w then return before + (s.n > 0 and math.max(0, s.n + each - now) or 0) end
  local wait = 0
  for _, slot in ipairs(s.s) do
    if missing <= 0 then break end
    missing, wait = missing - slot[3], slot[2] + each - now
  end
  return before + wait
end

function window.after(l, need)
  local s = l.state
  local calls, each = window.room(l)
  local pause = math.max(0, (s.u or 0) - now)
  local wait = math.max(pause, window.place(l, need, calls, each))
  if s.v then -- calls wait, and go evenly: places that were taken at once come free at once
    local first = math.max(pause, window.place(l, 1, calls, each), (s.p or 0) - now)
    wait = math.max(wait, first + (need - 1) * each / calls)
  end
  return math.ceil(wait)
end

function window.pace(l)
  local calls, each = window.room(l)
  return math.ceil(each / calls)
end

function window.take(l, n)
  window.put(l, n, now)
  if l.state.v then l.state.p = now + window.pace(l) end
end

function window.left(l) return window.room(l) - l.used end
function window.seen(l) return 0, l.used end

function window.full(l)
  local s = l.state
  return math.ceil(math.max(0, s.n > 0 and s.n + l.w - now or 0, (s.u or 0) - now))
end

-- life is how long a state means something, at the lowest quota that slowing and absent members can leave.
function window.life(l) return window.full(l) + 16e6 + l.w * math.max(1, members * 8 / l.q) end

-- A calendar's state: s: the period's begin; n: calls by member; f: a count that a member had seen before the data was lost, c: the calls
-- since. A member's own count is the member's to say again; both counts are at most the true one.

function calendar.refresh(l)
  local s = l.state
  if now < l.s or now >= l.e then return 'period' end
  if not s.s or s.s < l.s then
    s.n, s.f, s.c = {}, 0, 0
  end
  if s.s ~= l.e then s.s = l.s end -- else the clock was set back into the period before
end

local function total(l)
  local sum = 0
  for _, calls in pairs(l.state.n) do sum = sum + calls end
  return math.max(sum, l.state.f + l.state.c)
end

function calendar.left(l) -- what absent members have not used of their shares stays theirs
  local left = l.q - total(l)
  for _, name in ipairs(absent) do
    left = left - math.max(0, math.floor(l.q / members) - (l.state.n[name] or 0))
  end
  return left
end

function calendar.after(l, need) return calendar.left(l) < need and l.e - now or 0 end

function calendar.take(l, n)
  local s = l.state
  s.n[member] = math.max(0, (s.n[member] or 0) + n)
  s.c = math.max(0, s.c + n)
end

function calendar.full(l) return l.e - now end
function calendar.seen(l) return l.state.n[member] or 0, total(l) end

-- report counts calls that a member let through without Redis. r.n: calls; r.a: microseconds since the first of them; r.o: what a bucket
-- had lost when the member saw it last, if it did; r.p: of a window {microseconds ago, calls} by slot; r.s: the begin of a calendar's period.
-- Tokens that were lost since then pay for a bucket's calls: each once. A bucket's debt is no more than what the members can let through
-- before it is seen that they are absent: more is owed only where it is not known what was lost.
function bucket.report(l, r)
  local s = l.state
  local lost = 0
  if r.o then
    lost = s.o - r.o
  elseif s.z then -- before, it was full; since then and until the first of the calls it has lost at most all that came
    lost = s.o + (s.z - (now - r.a)) / 1e6 * l.r
  end
  local paid = math.min(r.n, math.max(0, lost))
  s.o = s.o - paid
  s.l = math.max(s.l - (r.n - paid), math.min(s.l, -l.b - lease * l.r))
end

function window.report(l, r)
  for _, slot in ipairs(r.p) do window.put(l, slot[2], now - slot[1]) end
end

function calendar.report(l, r)
  if r.s == l.s then calendar.take(l, r.n) end
end

-- each does something for each limit that a member reports. One whose state makes no sense does not keep the others from it.
local function each(text, what)
  for _, r in ipairs(cjson.decode(text)) do pcall(what, r) end
end
