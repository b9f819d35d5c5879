import AsyncHTTPClient
import Yams
import NIOSSL
