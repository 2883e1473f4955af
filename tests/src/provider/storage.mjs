// What the server keeps: everything in memory, so that it can be taken away.

export function storage(settings) {
  const kept = new Map();

  class Adapter {
    constructor(model) {
      this.model = model;
    }

    key(id) {
      return `${this.model}:${id}`;
    }

    matching(wanted) {
      return [...kept].find(([key, payload]) => key.startsWith(`${this.model}:`) && wanted(payload))?.[1];
    }

    async upsert(id, payload) {
      kept.set(this.key(id), payload);
    }

    async find(id) {
      return kept.get(this.key(id));
    }

    async findByUid(uid) {
      return this.matching((payload) => payload.uid === uid);
    }

    async findByUserCode(code) {
      return this.matching((payload) => payload.userCode === code);
    }

    async consume(id) {
      const payload = kept.get(this.key(id));
      payload.taken = (payload.taken ?? 0) + 1;
      // Some servers take the old refresh token once more, lest an answer got lost.
      if (this.model !== 'RefreshToken' || payload.taken >= settings.uses) payload.consumed = Math.floor(Date.now() / 1000);
      // Others end the access tokens that came before.
      if (this.model === 'RefreshToken' && settings.retire) await new Adapter('AccessToken').revokeByGrantId(payload.grantId);
    }

    async destroy(id) {
      kept.delete(this.key(id));
    }

    async revokeByGrantId(id) {
      for (const [key, payload] of kept) {
        if (key.startsWith(`${this.model}:`) && payload.grantId === id) kept.delete(key);
      }
    }
  }

  return {
    adapter: Adapter,
    // Forget all of some kinds; how many those were.
    forget(...models) {
      const keys = [...kept.keys()].filter((key) => models.includes(key.split(':')[0]));
      keys.forEach((key) => kept.delete(key));
      return keys.length;
    },
  };
}
