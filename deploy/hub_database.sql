create database hub;
