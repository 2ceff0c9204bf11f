-- The fair queue of a limit, in the order of start-time fair queueing: each caller that waits has a tag, and the lowest goes first. It
-- is there only while callers wait: state.v is its virtual time, state.i counts arrivals, and of the callers there are
--   KEY:order  caller -> tag, KEY:until  caller -> until when its entries are fresh
--   KEY:callers  caller -> {f: the tag of its next call, m: {member: {arrival, until}}}
-- Each member has one entry for a caller: the first of those that wait there.

local lasting = 10000 -- milliseconds that a queue outlives the last look at it

local function drop(l)
  redis.call('DEL', l.key .. ':order', l.key .. ':until', l.key .. ':callers')
  l.state.v, l.state.i = nil, nil
end

local function out(l, caller)
  redis.call('ZREM', l.key .. ':order', caller)
  redis.call('ZREM', l.key .. ':until', caller)
  if redis.call('EXISTS', l.key .. ':order') == 0 then drop(l) end
end

local function expire(l)
  for _, caller in ipairs(redis.call('ZRANGEBYSCORE', l.key .. ':until', '-inf', now)) do out(l, caller) end
  if l.state.v and redis.call('EXISTS', l.key .. ':order') == 0 then drop(l) end
end

-- entries reads what waits of a caller, without what is not fresh.
local function entries(l, caller)
  local text = redis.call('HGET', l.key .. ':callers', caller)
  local c = text and cmsgpack.unpack(text) or {f = 0, m = {}}
  for name, entry in pairs(c.m) do
    if entry[2] <= now then c.m[name] = nil end
  end
  return c
end

local function store(l, caller, c)
  local last = 0
  for _, entry in pairs(c.m) do last = math.max(last, entry[2]) end
  redis.call('HSET', l.key .. ':callers', caller, cmsgpack.pack(c))
  if last == 0 then return out(l, caller) end
  redis.call('ZADD', l.key .. ':until', last, caller)
  for _, part in ipairs({':order', ':until', ':callers'}) do redis.call('PEXPIRE', l.key .. part, lasting) end
end

-- ahead counts who goes before a call: callers with a lower tag, and entries of its own caller on other members that came before. A call
-- that has no entry comes after those with the same tag.
local function ahead(l, caller, mine)
  l.queued, l.waiting = nil, 0
  if l.state.v then expire(l) end
  if not l.state.v then return 0 end
  local c = entries(l, caller)
  local own = c.m[member]
  local tag = tonumber(redis.call('ZSCORE', l.key .. ':order', caller) or math.max(l.state.v, c.f))
  l.queued, l.tag, l.mine = c, tag, mine and own ~= nil
  l.waiting = redis.call('ZCARD', l.key .. ':order')
  local n
  if next(c.m) then n = redis.call('ZRANK', l.key .. ':order', caller) end
  n = n or redis.call('ZCOUNT', l.key .. ':order', '-inf', tag)
  for name, entry in pairs(c.m) do
    if not l.mine or entry[1] < own[1] then n = n + 1 end
  end
  return n
end

-- served moves the queue on for a call that goes.
local function served(l, caller)
  local c = l.queued
  if not c then return end
  local first = redis.call('ZRANGE', l.key .. ':order', 0, 0, 'WITHSCORES')
  l.state.v = math.max(l.state.v, math.min(l.tag, tonumber(first[2] or l.tag)))
  c.f = l.tag + 1
  if l.mine then c.m[member] = nil end
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
    c.m[member] = {own and own[1] or s.i, till}
    redis.call('ZADD', l.key .. ':order', 'NX', math.max(s.v, c.f), caller)
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
  c.m[member] = nil
  store(l, caller, c)
end
