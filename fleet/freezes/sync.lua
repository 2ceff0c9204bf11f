-- args: how many freezes the member has, for each id and text; then for each end that it knows id and text.
local freezes, ends, endedAt, version = key('freezes'), key('freezes:ended'), key('freezes:ended-at'), key(VERSION)
local time, changed, own, i = now(), false, {}, 2
local function text(number) return string.format('%.0f', number) end

for _ = 1, tonumber(args[1]) do
  own[#own + 1] = {args[i], args[i + 1]}
  i = i + 2
end

while args[i] do
  if redis.call('HSETNX', ends, args[i], args[i + 1]) == 1 then
    redis.call('ZADD', endedAt, text(time), args[i])
    changed = true
  end
  if redis.call('HDEL', freezes, args[i]) == 1 then changed = true end
  i = i + 2
end

-- Ends are forgotten after a month, the oldest of too many before.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', endedAt, '-inf', text(time - MONTH), 'LIMIT', 0, 100)) do
  redis.call('HDEL', ends, id)
  redis.call('ZREM', endedAt, id)
end
local over = redis.call('ZCARD', endedAt) - MAXENDS
if over > 0 then
  local oldest = redis.call('ZPOPMIN', endedAt, over)
  for k = 1, #oldest, 2 do redis.call('HDEL', ends, oldest[k]) end
end

for _, f in ipairs(own) do
  if redis.call('HEXISTS', ends, f[1]) == 0 and redis.call('HLEN', freezes) < MAXFREEZES
    and redis.call('HSETNX', freezes, f[1], f[2]) == 1 then changed = true end
end

-- A version is a time too, so that none comes twice, also after Redis has lost the last one.
local at = tonumber(redis.call('GET', version) or 0) or 0
if changed or at == 0 then
  if at > time + HOUR then at = 0 end
  at = math.max(at + 1, time)
  redis.call('SET', version, text(at))
end

-- Texts that are too long to be ours are left out.
local function value(hash, id)
  if redis.call('HSTRLEN', hash, id) > MAXTEXT then return '' end
  return redis.call('HGET', hash, id) or ''
end

local count, listed, ended = redis.call('HLEN', freezes), {}, {}
local function end_of(id)
  if redis.call('HEXISTS', ends, id) == 1 then
    ended[#ended + 1] = string.sub(id, 1, 64)
    ended[#ended + 1] = value(ends, id)
  end
end
for _, f in ipairs(own) do end_of(f[1]) end
if count <= MAXFREEZES then
  for _, id in ipairs(redis.call('HKEYS', freezes)) do
    listed[#listed + 1] = string.sub(id, 1, 64)
    listed[#listed + 1] = value(freezes, id)
    end_of(id)
  end
end
return {text(at), text(time), count, listed, ended}
