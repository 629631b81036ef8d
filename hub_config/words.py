"""Sentences that people read at the hub, Korean first, English after it. Templates hold their own texts."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Sentence:
    """One sentence in both languages; `{name}` and the like are filled in when it is said."""

    ko: str
    en: str

    def both(self, **values: str) -> str:
        """Both, a line each."""
        return f"{self.ko.format(**values)}\n{self.en.format(**values)}"

    def html(self, **values: str) -> str:
        """Both, marked up for the hub's pages; `values` are escaped."""
        safe = {name: escape(value) for name, value in values.items()}
        return f'<span lang="ko">{self.ko.format(**safe)}</span> <span lang="en">{self.en.format(**safe)}</span>'


WRONG_NAME_OR_PASSWORD = Sentence(
    "아이디나 비밀번호가 맞지 않습니다.",
    "User name or password is not right.",
)
TOO_MANY_FAILURES = Sentence(
    "로그인에 여러 번 실패했습니다. {seconds}초 뒤에 다시 시도해 주세요.",
    "Too many failed sign-ins. Try again in {seconds} seconds.",
)
NOT_ON_A_ROSTER = Sentence(
    "{name} 님은 수강생 명단에 없습니다. 담당 강사나 운영 사무실에 명단 등록을 요청해 주세요.",
    "{name} is not on a roster. Ask your instructor or the programme office to add you.",
)
REFUSED = Sentence(
    "이 계정으로는 들어올 수 없습니다. 담당 강사나 운영 사무실에 명단 등록을 요청해 주세요.",
    "This account may not enter. Ask your instructor or the programme office to add you to a roster.",
)
NO_NAME = Sentence(
    "로그인 계정에 '{claim}' 정보가 없어 누구인지 알 수 없습니다. 담당 강사나 운영 사무실에 알려 주세요.",
    "Your account carries no '{claim}', so we can't tell who you are. Tell your instructor or the programme office.",
)
UNVERIFIED_EMAIL = Sentence(
    "로그인 계정의 이메일이 확인되지 않았습니다. 계정 제공자에서 이메일을 확인한 뒤 다시 로그인해 주세요.",
    "Your account's e-mail address is not verified. Verify it with the account's provider and sign in again.",
)
STALE_SIGN_IN = Sentence(
    "로그인 요청이 만료되었거나 이 브라우저에서 시작된 것이 아닙니다. 처음부터 다시 로그인해 주세요.",
    "This sign-in has expired or was not started in this browser. Please sign in again from the beginning.",
)
PROVIDER_AWAY = Sentence(
    "로그인 서버가 응답하지 않습니다. 잠시 뒤에 다시 시도해 주세요.",
    "The sign-in server does not answer. Try again in a few minutes.",
)
PROVIDER_REFUSED = Sentence(
    "로그인 서버가 로그인을 마치지 못했습니다({reason}). 다시 로그인해 주세요.",
    "The sign-in server did not complete the sign-in ({reason}). Please sign in again.",
)

HOME_READY = Sentence("홈 폴더를 준비했습니다.", "Your home folder is ready.")
PROCESS_STARTED = Sentence("서버 프로그램을 시작했습니다.", "The server program has started.")
LOADING_ASSIGNMENTS = Sentence("과제 도구를 불러왔습니다.", "Assignment tools are loaded.")
LOADING_LAB = Sentence("JupyterLab을 불러왔습니다.", "JupyterLab is loaded.")
OPENING = Sentence("거의 다 됐습니다. 주소를 열고 있습니다.", "Almost there: opening the address.")
NO_OFFERING = Sentence(
    "채점할 강좌의 폴더가 아직 없습니다. 포털에서 강좌를 먼저 만들어 주세요.",
    "The folder of the course to grade does not exist yet. Create the offering in the portal first.",
)
SERVER_DIED = Sentence(
    "서버가 시작하다가 멈췄습니다. 다시 시도하고, 되풀이되면 담당 강사에게 알려 주세요.",
    "The server stopped while it was starting. Try again; if it happens again, tell your instructor.",
)
SERVER_SLOW = Sentence(
    "서버가 제시간에 시작되지 않았습니다. 다시 시도하고, 되풀이되면 담당 강사에게 알려 주세요.",
    "The server did not start in time. Try again; if it happens again, tell your instructor.",
)

PORTAL_AWAY = Sentence(
    "포털이 응답하지 않아 서버를 시작하지 못했습니다. 잠시 뒤에 다시 시도해 주세요.",
    "The portal does not answer, so your server can't be started. Try again in a minute.",
)
WAITING_ROOM = Sentence("대기실로 가기", "Go to the waiting room")

PULLING = Sentence("서버 이미지를 받고 있습니다({share}%).", "Fetching the server's image ({share} %).")
STILL_PULLING = Sentence(
    "서버 이미지를 아직 받고 있습니다. 몇 분 뒤에 다시 시작해 주세요.",
    "The server's image is still being fetched. Start again in a few minutes.",
)
HARDWARE_GRANTED = Sentence("사용할 장비를 정했습니다: {hardware}", "Your hardware is settled: {hardware}")
CONTAINER_MADE = Sentence("서버 컨테이너를 만들었습니다.", "Your server's container is made.")
CONTAINER_STARTED = Sentence("서버 컨테이너를 시작했습니다.", "Your server's container has started.")

ENGINE_AWAY = Sentence(
    "컨테이너 엔진이 응답하지 않아 서버를 시작하지 못했습니다. 다시 시도하고, 안 되면 운영 사무실에 알려 주세요.",
    "The container engine does not answer, so your server can't be started. Try again in a minute; if it still fails, "
    "tell the programme office.",
)
ENGINE_REFUSED = Sentence(
    "컨테이너 엔진이 서버를 시작하지 못했습니다. 다시 시도하고, 되풀이되면 운영 사무실에 알려 주세요.",
    "The container engine could not start your server. Try again; if it happens again, tell the programme office.",
)
IMAGE_MISSING = Sentence(
    "서버 이미지 {image}을(를) 찾지 못했습니다. 운영 사무실에 알려 주세요.",
    "The server's image {image} was not found. Tell the programme office.",
)
IMAGE_AWAY = Sentence(
    "이미지 저장소가 응답하지 않아 {image}을(를) 받지 못했습니다. 잠시 뒤에 다시 시도해 주세요.",
    "The image {image} could not be fetched because its registry does not answer. Try again in a few minutes.",
)
NO_GPU_RUNTIME = Sentence(
    "이 장비에 GPU 실행 환경이 없어 GPU 서버를 시작하지 못했습니다. CPU로 시작하고, 운영 사무실에 알려 주세요.",
    "This machine has no GPU runtime, so a server with a GPU can't be started. You can start on CPU; "
    "tell the programme office.",
)
NO_SUCH_DEVICE = Sentence(
    "배정된 GPU가 응답하지 않아 서버를 시작하지 못했습니다. 다시 시도하고, 되풀이되면 운영 사무실에 알려 주세요.",
    "The GPU that was assigned to you does not answer. Try again; if it happens again, tell the programme office.",
)
NO_SPACE = Sentence(
    "디스크에 빈 공간이 없어 서버를 시작하지 못했습니다. 운영 사무실에 알려 주세요.",
    "There is no space left on the disk, so your server can't be started. Tell the programme office.",
)
NO_ADDRESS = Sentence(
    "네트워크에 빈 주소가 없어 서버를 시작하지 못했습니다. 잠시 뒤에 다시 시도해 주세요.",
    "There is no free network address, so your server can't be started. Try again in a few minutes.",
)
NO_HOME = Sentence(
    "홈 폴더를 준비하지 못해 서버를 시작하지 못했습니다. 운영 사무실에 알려 주세요.",
    "Your home folder could not be prepared, so your server can't be started. Tell the programme office.",
)
NOT_FENCED = Sentence(
    "서버 네트워크 설정이 맞지 않아 서버를 시작하지 않았습니다. 운영 사무실에 알려 주세요.",
    "The servers' network isn't set up as it must be, so your server was not started. Tell the programme office.",
)
