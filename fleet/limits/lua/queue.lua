-- The fair queue of a limit, in the order of start-time fair queueing: each caller that waits has a tag, and the lowest goes first. It
-- is there only while callers wait: state.v is its virtual time, state.i counts arrivals, and of the callers there are
--   KEY:order  caller -> tag
--   KEY:until  "member caller" -> until when the entry is fresh
--   KEY:callers  caller -> {f: the tag of its next call, m: {member: arrival}, t: the tag that it had when its last entry expired}
-- Each member has one entry for a caller: the first of those that wait there.

local lasting = 10000 -- milliseconds that a queue outlives the last look at it
local patience = 1750000 -- microseconds for which the entry of a member that is there outlives its freshness: the machine may be busy

local gone = {}
for _, name in ipairs(absent) do gone[name] = true end

local function drop(l)
  redis.call('DEL', l.key .. ':order', l.key .. ':until', l.key .. ':callers')
  l.state.v, l.state.i = nil, nil
end

-- entries reads what waits of a caller.
local function entries(l, caller)
  local text = redis.call('HGET', l.key .. ':callers', caller)
  return text and cmsgpack.unpack(text) or {f = 0, m = {}}
end

local function store(l, caller, c)
  redis.call('HSET', l.key .. ':callers', caller, cmsgpack.pack(c))
  if not next(c.m) then redis.call('ZREM', l.key .. ':order', caller) end
  if redis.call('EXISTS', l.key .. ':order') == 0 then return drop(l) end
  for _, part in ipairs({':order', ':until', ':callers'}) do redis.call('PEXPIRE', l.key .. part, lasting) end
end

local function out(l, c, caller, name)
  c.m[name] = nil
  redis.call('ZREM', l.key .. ':until', name .. ' ' .. caller)
end

-- expire drops the entries that are not fresh: of members that are absent at once, of others after a while. A caller whose last one it is
-- keeps its tag, and has it again if the member asks after all.
local function expire(l)
  if l.backward or redis.call('EXISTS', l.key .. ':order') == 0 then return drop(l) end
  local late = redis.call('ZRANGEBYSCORE', l.key .. ':until', '-inf', now, 'WITHSCORES')
  for i = 1, #late, 2 do
    local name, caller = string.match(late[i], '^(%S+) (.*)$')
    if gone[name] or tonumber(late[i + 1]) + patience <= now then
      local c = entries(l, caller)
      out(l, c, caller, name)
      if not next(c.m) then c.t = tonumber(redis.call('ZSCORE', l.key .. ':order', caller)) end
      store(l, caller, c)
    end
  end
end

-- ahead counts who goes before a call: callers with a lower tag, and entries of its own caller on other members that came before. A call
-- that has no entry comes after those with the same tag. mine: the call had its member's entry, when it asked last.
local function ahead(l, caller, mine)
  l.queued, l.waiting = nil, 0
  if l.state.v then expire(l) end
  if not l.state.v then return 0 end
  local c = entries(l, caller)
  local own = c.m[member]
  local tag = tonumber(redis.call('ZSCORE', l.key .. ':order', caller)) or mine and c.t or math.max(l.state.v, c.f)
  l.queued, l.tag, l.mine = c, tag, mine and own ~= nil
  l.waiting = redis.call('ZCARD', l.key .. ':order')
  local n
  if next(c.m) then n = redis.call('ZRANK', l.key .. ':order', caller) end
  n = n or redis.call('ZCOUNT', l.key .. ':order', '-inf', tag)
  for name, arrival in pairs(c.m) do
    if not l.mine or arrival < own then n = n + 1 end
  end
  return n
end

-- served moves the queue on for a call that goes.
local function served(l, caller)
  local c = l.queued
  if not c then return end
  local first = redis.call('ZRANGE', l.key .. ':order', 0, 0, 'WITHSCORES')
  l.state.v = math.max(l.state.v, math.min(l.tag, tonumber(first[2] or l.tag)))
  c.f, c.t = l.tag + 1, nil
  if l.mine then out(l, c, caller, member) end
  if next(c.m) then redis.call('ZADD', l.key .. ':order', 'XX', c.f, caller) end
  store(l, caller, c)
end

-- register has the call wait here until a time. It returns 1 if the entry is the asker's: another call of the caller on this member may have
-- it. What it returns next is how many calls go between two of this caller.
local function register(l, caller, till)
  local s = l.state
  local c = l.queued or {f = 0, m = {}}
  local own, entry = c.m[member], 0
  if not own or l.mine then
    s.v, s.i, entry = s.v or 0, (s.i or 0) + 1, 1
    c.m[member], c.t = own or s.i, nil
    redis.call('ZADD', l.key .. ':order', 'NX', l.queued and l.tag or s.v, caller)
    redis.call('ZADD', l.key .. ':until', till, member .. ' ' .. caller)
    store(l, caller, c)
  end
  local same = 0
  for _ in pairs(c.m) do same = same + 1 end
  return entry, redis.call('ZCARD', l.key .. ':order') * same
end

local function leave(l, caller)
  if l.state.v then expire(l) end
  if not l.state.v then return end
  local c = entries(l, caller)
  out(l, c, caller, member)
  store(l, caller, c)
end
