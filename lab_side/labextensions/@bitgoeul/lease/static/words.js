/* Every text of the lease in JupyterLab, in Korean and in English. */

/** How long, in words, rounded to the minute. */
const duration = (seconds, { hour, minute, under }) => {
  if (seconds < 60) return under;
  const minutes = Math.round(seconds / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours && hour(hours), (rest || !hours) && minute(rest)].filter(Boolean).join(" ");
};

const korean = {
  lang: "ko",
  duration: (seconds) => duration(seconds, { hour: (n) => `${n}시간`, minute: (n) => `${n}분`, under: "1분 미만" }),
  none: "GPU 없음",
  held: "GPU 사용 중",
  inClass: "수업 중",
  left: (time) => `${time} 남음`,
  waiting: (position) => `GPU 대기 ${position}번째`,
  about: (time) => `약 ${time}`,
  turn: (time) => `GPU 차례입니다 · ${time} 안에 시작`,
  toHardware: "새 탭에서 실습실 사양 고르기",
  toWaitingRoom: "새 탭에서 대기실 열기",
  open: "대기실 열기",
  more: "자세히 보기",
  saveAll: "모두 저장",
  saved: "열린 문서를 모두 저장했습니다.",
  close: "확인",
  endTitle: (time) => `GPU 사용 시간이 ${time} 남았습니다`,
  endBody: "실습실이 멈추면 실행 중인 셀과 변수는 사라집니다. 저장한 파일은 그대로 남습니다.",
  endedTitle: "GPU 사용 시간이 끝났습니다",
  endedBody: "실습실이 멈췄습니다. 저장한 파일은 그대로 있습니다. 대기실에서 다시 차례를 받거나, CPU 실습실로 이어서 할 수 있습니다.",
};

const english = {
  lang: "en",
  duration: (seconds) =>
    duration(seconds, { hour: (n) => `${n} h`, minute: (n) => `${n} min`, under: "less than a minute" }),
  none: "No GPU",
  held: "GPU in use",
  inClass: "class",
  left: (time) => `${time} left`,
  waiting: (position) => `GPU queue: place ${position}`,
  about: (time) => `about ${time}`,
  turn: (time) => `Your GPU turn · start within ${time}`,
  toHardware: "Choose your lab's hardware, in a new tab",
  toWaitingRoom: "Open the waiting room, in a new tab",
  open: "Open the waiting room",
  more: "See more",
  saveAll: "Save all",
  saved: "All open documents are saved.",
  close: "OK",
  endTitle: (time) => `Your GPU time ends in ${time}`,
  endBody: "When the lab stops, running cells and variables are lost. Saved files stay.",
  endedTitle: "Your GPU time has ended",
  endedBody: "The lab has stopped. Saved files are still there. Wait for another turn in the waiting room, or go on in a CPU lab.",
};

/** The words in JupyterLab's language; English for languages that the campus doesn't speak. */
export const words = (languageCode) => (/^ko\b|^ko_/i.test(languageCode) ? korean : english);

/** A kind of slice as a learner knows it: MIG's 1g.18gb by its memory, a whole GPU by no name of its own. */
const name = (kind) => {
  if (/^gpu$/i.test(kind)) return null;
  const memory = /^\d+g\.(\d+)gb/i.exec(kind);
  return memory ? `GPU ${memory[1]} GB` : `GPU ${kind}`;
};

/** What the status bar says about `state`, given the seconds left of the lease and of the turn. */
export const status = (say, state, left, turnLeft) => {
  if (state.lease) {
    const parts = [name(state.lease.kind) ?? say.held, state.lease.in_class && say.inClass];
    return [...parts, left !== null && say.left(say.duration(left))].filter(Boolean).join(" · ");
  }
  if (!state.ticket) return say.none;
  if (turnLeft !== null) return say.turn(say.duration(turnLeft));
  const { position, estimate } = state.ticket;
  return [say.waiting(position), estimate !== null && say.about(say.duration(estimate))].filter(Boolean).join(" · ");
};
